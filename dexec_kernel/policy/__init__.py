"""The administrator's policy: read from a file, enforced in one place for every kernel."""
