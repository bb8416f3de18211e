"""The line magics, and cell magics other than ``%%exec``: a module a subject."""
