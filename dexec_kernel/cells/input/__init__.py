"""The stdin of a cell: which process waits for it, and what it asks for."""
