"""Runs the checks of a lab where the student cannot reach them. Knows nothing of Jupyter."""
