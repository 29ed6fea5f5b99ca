"""The FoundationDB backend beyond its contract, and the stand-in for a server of it."""
