"""The contract between a cell and an engine: protocols and models. No I/O."""
