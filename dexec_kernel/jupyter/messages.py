"""A cell's messages to the front end."""

from __future__ import annotations

from typing import Any

from ipykernel.kernelbase import Kernel


class Messages:
    """Sends a cell's messages with that cell as their parent, even during another request."""

    def __init__(self, kernel: Kernel, *, silent: bool) -> None:
        self._kernel = kernel
        self._parent = kernel.get_parent("shell")
        self.silent = silent

    def publish(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message on iopub; nothing for a silent cell."""
        if not self.silent:
            kernel = self._kernel
            kernel.session.send(
                kernel.iopub_socket,
                kind,
                content,
                parent=self._parent,
                ident=kernel._topic(kind),  # noqa: SLF001 -- as the base class does
            )
