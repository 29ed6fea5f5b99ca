"""Tests of the worker, part by part; whole processes are in ``tests/acceptance``."""
