"""Fetch: wait for firings, and claim as many at a time as fit."""
