"""What a type checker tells a user of ours."""
