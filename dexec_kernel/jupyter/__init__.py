"""The messaging protocol: Jupyter requests in, Jupyter messages out."""
