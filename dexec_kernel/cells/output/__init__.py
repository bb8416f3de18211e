"""A cell's output: bounded, logged, gathered, paced."""
