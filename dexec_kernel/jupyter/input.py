"""Questions to the user on the stdin channel, without blocking the event loop.

ipykernel's own ``raw_input`` waits in the loop, where nothing of the cell would be seen meanwhile.
Source: Jupyter messaging protocol, "Messages on the stdin ROUTER/DEALER sockets".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ipykernel.kernelbase import Kernel
from zmq.eventloop.zmqstream import ZMQStream

from dexec_kernel.cells.input.stdin import Question


class Asker:
    """Asks the sender of one cell in the front end's own input box.

    A question that is cancelled is withdrawn, which the protocol has no message for: the front end
    goes on showing its box, and JupyterLab runs no other cell before it is answered. Then
    :attr:`is_box_left` is true until it is answered or known to be gone; ``changed`` is called.
    """

    def __init__(self, channel: Input, parent: dict[str, Any], identities: list[bytes]) -> None:
        self._channel = channel
        self.parent = parent
        self._answer: asyncio.Future[str] | None = None
        self._ids: frozenset[str] = frozenset()
        self.identities = identities
        self._leaves_box = True
        self.is_box_left = False
        self.changed: Callable[[], None] = _nothing

    @property
    def session(self) -> str:
        """The session of the front end, as its messages name it."""
        return str(self.parent["header"].get("session"))

    async def __call__(self, question: Question) -> str:
        """Return the answer. Cancel it to withdraw the question."""
        self._leaves_box = True
        answer: asyncio.Future[str]
        answer = self._answer = asyncio.get_running_loop().create_future()
        content = {"prompt": question.prompt, "password": question.secret}
        request = self._channel.send(content, self)
        self._ids = frozenset({request, self.parent["header"]["msg_id"]})
        try:
            return await answer
        except asyncio.CancelledError:
            self._set_box_left(is_left=self._leaves_box)
            raise
        finally:
            self._answer = None

    def box_is_gone(self) -> None:
        """Take in that the front end shows no box of this cell any more."""
        self._leaves_box = False
        self._set_box_left(is_left=False)

    def take(self, answered: str | None, value: str) -> None:
        """Take an answer; ``answered`` is the message that it names, None if it names none."""
        # Not every front end names the question that it answers. Those that do may answer late.
        if answered is not None and answered not in self._ids:
            return
        if self._answer is None:
            self.box_is_gone()
        elif not self._answer.done():
            self._answer.set_result(value)

    def _set_box_left(self, *, is_left: bool) -> None:
        if self.is_box_left != is_left:
            self.is_box_left = is_left
            self.changed()


class Input:
    """The stdin channel. Everything happens on the main event loop."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._stream: ZMQStream | None = None
        #: By the front end: its last cell that has asked. It shows one box at a time.
        self._askers: dict[bytes, Asker] = {}

    def asker(self) -> Asker:
        """Return what asks the sender of the cell that is being handled.

        A front end that sends a cell shows no box of an earlier one that would matter.
        """
        kernel = self._kernel
        parent = kernel.get_parent("shell")
        identity = kernel._get_shell_context_var(kernel._shell_parent_ident)  # noqa: SLF001
        identities = [identity] if isinstance(identity, bytes) else list(identity)
        if (before := self._askers.pop(identities[0], None)) is not None:
            before.box_is_gone()
        return Asker(self, parent, identities)

    def boxes_are_gone(self) -> None:
        """Take in that front ends have closed their boxes, as they do when they interrupt."""
        for asker in self._askers.values():
            asker.box_is_gone()

    def send(self, content: dict[str, Any], asker: Asker) -> str:
        """Send an ``input_request``; its answers are the asker's. Return the message's id."""
        if self._stream is None:
            self._stream = ZMQStream(self._kernel.stdin_socket, self._kernel.io_loop)
            self._stream.on_recv(self._receive)
        self._askers[asker.identities[0]] = asker
        session = self._kernel.session
        message = session.msg("input_request", content, parent=asker.parent)
        session.send(self._stream, message, ident=asker.identities)
        return str(message["header"]["msg_id"])

    def close(self) -> None:
        """Listen no more; the socket is ipykernel's."""
        if self._stream is not None:
            self._stream.stop_on_recv()

    def _receive(self, frames: list[bytes]) -> None:
        """Take a message of the stdin channel. Its content is never logged."""
        session = self._kernel.session
        try:
            identities, rest = session.feed_identities(frames)
            message = session.deserialize(rest)
        except (ValueError, TypeError, KeyError):
            self._kernel.log.warning("A message on the stdin channel cannot be read.")
            return
        asker = self._askers.get(identities[0]) if identities else None
        value = message["content"].get("value")
        if asker is not None and message["msg_type"] == "input_reply" and isinstance(value, str):
            asker.take(message["parent_header"].get("msg_id"), value)


def _nothing() -> None:
    """Nobody wants to know."""
