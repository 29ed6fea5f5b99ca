"""Redis and Valkey: lost replies, failovers, clusters, restarts, the oldest server."""
