"""Containers as kernelspecs: what Jupyter's kernel picker shows."""
