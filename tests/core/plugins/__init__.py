"""Plugins: finding them, and telling them."""
