"""What the wheels hold, and what works once they are installed."""
