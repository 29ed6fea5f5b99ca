"""Schedules in real pools that are killed."""
