"""The Redis backend against real servers, and the servers."""
