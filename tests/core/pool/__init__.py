"""Tests of the pool, part by part; whole processes are in ``tests/acceptance``."""
