"""What the tests of all areas share."""
