"""Programs as users write them, run as processes against a real ``skunq work``."""
