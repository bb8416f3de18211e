"""The stdin of a cell: the process that waits for it, and its question."""
