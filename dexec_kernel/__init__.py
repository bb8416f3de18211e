"""A Jupyter kernel whose cells run as execs inside a running container."""

__version__ = "0.1.0"
