"""The visible part of a cell: the record, the status bar, and the display that carries both."""
