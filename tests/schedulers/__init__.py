"""Schedules and their strategies."""
