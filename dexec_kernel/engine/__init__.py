"""A client of the Docker Engine API for execs. It knows nothing of Jupyter or of cells."""
