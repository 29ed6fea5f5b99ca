"""Tests of what a pool and its workers share."""
