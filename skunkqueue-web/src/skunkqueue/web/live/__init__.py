"""Pages that change with the store while they are looked at."""
