"""Questions to the user on the stdin channel, without blocking the event loop.

ipykernel's own ``raw_input`` waits in the loop, where nothing of the cell would be seen meanwhile.
Source: Jupyter messaging protocol, "Messages on the stdin ROUTER/DEALER sockets".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ipykernel.kernelbase import Kernel
from zmq.eventloop.zmqstream import ZMQStream

from dexec_kernel.cells.input.stdin import Ask, FindReader, Question, Stdin
from dexec_kernel.cells.source.options import CellOptions


@dataclass(frozen=True, slots=True)
class _Pending:
    """A sent question: its front end, its message and its cell."""

    identity: list[bytes]
    message_ids: frozenset[str]
    answer: asyncio.Future[str]


class Input:
    """Asks one question at a time. Everything happens on the main event loop.

    The protocol has no message to withdraw a question: its answer is dropped when it comes.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._stream: ZMQStream | None = None
        self._pending: _Pending | None = None

    def of_cell(
        self,
        source: str,
        find_reader: FindReader,
        *,
        options: CellOptions,
        changed: Callable[[], None],
    ) -> Stdin:
        """Return the stdin of the cell that is being handled: whoever has sent it is asked."""
        return Stdin(self.asker(), source, find_reader, options=options, changed=changed)

    def asker(self) -> Ask:
        """Return a function that asks the sender of the current cell."""
        kernel = self._kernel
        parent = kernel.get_parent("shell")
        identity = kernel._get_shell_context_var(kernel._shell_parent_ident)  # noqa: SLF001

        async def ask(question: Question) -> str:
            return await self._ask(question, parent, identity)

        return ask

    def close(self) -> None:
        """Listen no more; the socket is ipykernel's."""
        if self._stream is not None:
            self._stream.stop_on_recv()

    async def _ask(self, question: Question, parent: dict[str, Any], identity: Any) -> str:
        if self._stream is None:
            self._stream = ZMQStream(self._kernel.stdin_socket, self._kernel.io_loop)
            self._stream.on_recv(self._receive)
        content = {"prompt": question.prompt, "password": question.secret}
        session = self._kernel.session
        message = session.msg("input_request", content, parent=parent)
        ids = frozenset({message["header"]["msg_id"], parent["header"]["msg_id"]})
        identities = [identity] if isinstance(identity, bytes) else list(identity)
        pending = _Pending(identities, ids, asyncio.get_running_loop().create_future())
        self._pending = pending
        try:
            session.send(self._stream, message, ident=identities)
            return await pending.answer
        finally:
            if self._pending is pending:
                self._pending = None

    def _receive(self, frames: list[bytes]) -> None:
        """Take a message of the stdin channel. Its content is never logged."""
        session = self._kernel.session
        try:
            identity, rest = session.feed_identities(frames)
            message = session.deserialize(rest)
        except (ValueError, TypeError, KeyError):
            self._kernel.log.warning("A message on the stdin channel cannot be read.")
            return
        pending = self._pending
        if pending is None or pending.answer.done() or message["msg_type"] != "input_reply":
            return
        # Not every front end names the question that it answers. Those that do may answer late.
        answered = message["parent_header"].get("msg_id")
        value = message["content"].get("value")
        is_ours = identity[:1] == pending.identity[:1] and answered in {None, *pending.message_ids}
        if is_ours and isinstance(value, str):
            pending.answer.set_result(value)
