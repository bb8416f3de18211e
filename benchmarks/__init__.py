"""Measurements beside named peers; `python -m benchmarks` runs them all. Never a test."""
