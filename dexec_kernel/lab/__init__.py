"""Labs: exercises in files. What a lab is, a new one, what is wrong with one, its containers."""
