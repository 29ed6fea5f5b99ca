"""Judge: decide what follows from an attempt. Complete, retry, snooze, give back, or an error."""
