"""Shell text: its grammar, its words, the word under the cursor. No I/O."""
