"""Complete: settle outcomes in the store, together with the next runs of schedules."""
