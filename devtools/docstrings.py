"""An extension of griffe, which reads docstrings for the site: their roles become Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe

_role = re.compile(r":(?:class|func|meth|mod):`~?([^`]+)`")


class Roles(griffe.Extension):
    """Turns ``:class:`Name``` into ``Name`` as code."""

    def on_instance(self, *, obj: griffe.Object, **_kwargs: Any) -> None:
        """Rewrite the docstring of an object that griffe has read."""
        if obj.docstring is not None:
            obj.docstring.value = _role.sub(r"`\1`", obj.docstring.value)
