"""Who may come in, and as whom: hosts, origins, logins, tokens, sessions, headers."""
