"""The contract kit, run on each backend we have."""
