"""What a form may do: one module for each kind of thing that is acted on. Only POST requests come here."""
