"""Files in and out of a container, as ``docker cp`` copies them. Knows nothing of Jupyter."""
