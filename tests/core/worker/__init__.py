"""Tests of the worker and its pool, part by part; whole processes are in ``tests/acceptance``."""
