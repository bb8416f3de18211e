"""A cell's text: its magics, its options, its body."""
