"""Signals to what a cell started, and the ladder that ends it."""
