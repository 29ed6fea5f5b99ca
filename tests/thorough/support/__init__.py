"""What ends a test that hangs, in each way in which one may."""
