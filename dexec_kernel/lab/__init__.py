"""Labs: exercises in files. So far: what a lab is, a new one, and what is wrong with one."""
