"""A backend without an engine: commands of this machine, executed as an engine would.

It serves tests, and shows how little a backend has to do. It isolates nothing: no user's cell is to
run in it. Linux alone has what it needs (``pidfd_open``).
"""
