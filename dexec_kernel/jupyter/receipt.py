"""A receipt: a front end's sign that it has handled every message that it was sent.

JupyterLab lets go of a kernel as soon as the kernel's process has ended. It drops a message that it
has not handled by then, and with it the last state of a bar.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import comm

from dexec_kernel.jupyter.messages import Messages

#: A front end has no target of this name.
_TARGET = "dexec.receipt"


def has_widgets() -> bool:
    """Return whether a front end shows something live of this kernel."""
    return bool(comm.get_comm_manager().comms)


async def wait_for_receipt(messages: Messages) -> None:
    """Wait until a front end has handled all messages that were sent before this call.

    A front end handles messages in order, and closes a comm whose target it does not know. Without
    a front end this waits for ever. Source: Jupyter messaging protocol 5.5, "Opening a Comm".
    """
    opened = _Comm()
    comms: dict[str, Any] = comm.get_comm_manager().comms
    comms[opened.comm_id] = opened
    try:
        content = {"comm_id": opened.comm_id, "target_name": _TARGET, "data": {}}
        messages.publish("comm_open", content)
        await opened.closed.wait()
    finally:
        comms.pop(opened.comm_id, None)


class _Comm:
    """A comm as the comm manager calls it. One of ipykernel's would send a ``comm_close`` back."""

    target_name = _TARGET

    def __init__(self) -> None:
        self.comm_id = uuid.uuid4().hex
        self.closed = asyncio.Event()

    def handle_close(self, _message: dict[str, Any]) -> None:
        self.closed.set()

    def handle_msg(self, _message: dict[str, Any]) -> None:
        """Ignore what a front end says besides."""
