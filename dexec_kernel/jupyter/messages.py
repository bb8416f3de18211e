"""A cell's messages to the front end."""

from __future__ import annotations

from typing import Any

from ipykernel.kernelbase import Kernel

from dexec_kernel.display.text import sendable


class Messages:
    """Sends a cell's messages with that cell as their parent, even during another request."""

    def __init__(self, kernel: Kernel, *, silent: bool) -> None:
        self._kernel = kernel
        self._parent = kernel.get_parent("shell")
        self.silent = silent

    def publish(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message on iopub; nothing for a silent cell."""
        if self.silent:
            return
        try:
            self._send(kind, content)
        except (ValueError, TypeError, RecursionError):
            # Half a surrogate pair in a file's name, say. Checked only here: this costs time.
            self._send(kind, sendable(content))

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        kernel = self._kernel
        kernel.session.send(
            kernel.iopub_socket,
            kind,
            content,
            parent=self._parent,
            ident=kernel._topic(kind),  # noqa: SLF001 -- as the base class does
        )
