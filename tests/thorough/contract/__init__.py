"""The contract kit, run on servers of the rarer kinds."""
