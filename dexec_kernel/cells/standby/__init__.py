"""The next exec, started ahead of its cell."""
