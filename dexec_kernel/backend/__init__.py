"""What a cell needs of an engine, and the values that pass between them. No I/O."""
