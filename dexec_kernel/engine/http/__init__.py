"""HTTP over our own transport. It knows nothing of containers."""
