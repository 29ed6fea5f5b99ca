"""Distributions that are installed in different ways, and taken out again."""
