"""What another type checker tells a user of ours."""
