"""MongoDB: every verb cut off, lost replies, failovers, replica sets."""
