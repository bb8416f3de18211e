"""The shell in the container: what is said to it, and what it says."""
