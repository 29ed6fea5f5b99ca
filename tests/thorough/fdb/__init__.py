"""FoundationDB: clusters that lose a process or have one stopped, recoveries, servers that are away, TLS."""
