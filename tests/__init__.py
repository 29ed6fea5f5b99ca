"""Tests of all distributions, a folder for each area."""
