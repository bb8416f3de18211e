"""Engines behind ssh: through the user's own OpenSSH, one connection for all calls of a client."""
