"""The shell in the container: its commands and scripts, and the parsers of its answers."""
