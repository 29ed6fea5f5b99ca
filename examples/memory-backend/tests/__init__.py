"""Tests of the example backend."""
