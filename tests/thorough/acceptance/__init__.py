"""Programs and pools through what takes long to happen, or to get over."""
