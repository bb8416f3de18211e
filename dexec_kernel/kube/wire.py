"""The streams of an exec in a pod, as bytes on a WebSocket. No I/O.

Source: Kubernetes' ``v5.channel.k8s.io`` and ``v4.channel.k8s.io``. The first byte of a message is
its channel; the end is a Status as JSON on channel 3. v5 alone can end stdin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TypeAlias

from websocket import ABNF

from dexec_kernel.backend.models import ConsoleSize, Frame, Stream
from dexec_kernel.engine.http.answer import parse
from dexec_kernel.engine.http.websocket import WebSocketDecoder, frame
from dexec_kernel.errors import ProtocolError

#: In bytes: of one message with stdin. Resizes and signs of life go between them.
_MAX_STDIN = 32 * 1024
#: In bytes: no Status is as long as this, although v4 repeats the command line in it.
MAX_STATUS = 4 * 1024 * 1024
#: In digits: no exit code is longer.
_MAX_DIGITS = 10


class Version(Enum):
    """The protocols that we speak; the values are their names in HTTP."""

    V5 = "v5.channel.k8s.io"
    V4 = "v4.channel.k8s.io"

    @property
    def half_closes(self) -> bool:
        """Whether stdin can be ended while the output goes on."""
        return self is Version.V5


#: What is offered. Only v5, and an old server refuses it as if rights were missing.
OFFERED = ", ".join(version.value for version in Version)


def version_of(answered: str | None) -> Version:
    """Return the protocol that the server has chosen. Raises :class:`ProtocolError`."""
    try:
        return Version((answered or "").strip())
    except ValueError as error:
        raise ProtocolError(
            "The cluster speaks neither v4 nor v5 of the exec protocol, but"
            f" {answered or 'none'!r}."
        ) from error


class Channel(IntEnum):
    """The first byte of a message."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    STATUS = 3
    RESIZE = 4
    CLOSE = 255


#: A message without data, which no process sees. Load balancers see that the line is in use.
KEEP_ALIVE = bytes([Channel.STDIN])


def stdin_frames(data: bytes) -> Iterator[bytes]:
    """Return ``data`` as frames for the process's stdin."""
    for start in range(0, len(data), _MAX_STDIN):
        yield frame(KEEP_ALIVE + data[start : start + _MAX_STDIN])


def keep_alive_frame() -> bytes:
    """Return a frame that the process does not see."""
    return frame(KEEP_ALIVE)


def end_of_stdin_frame(version: Version) -> bytes | None:
    """Return the frame that ends stdin, None where the protocol has none."""
    return frame(bytes([Channel.CLOSE, Channel.STDIN])) if version.half_closes else None


def resize_frame(size: ConsoleSize) -> bytes:
    """Return the frame that gives a terminal its size."""
    body = json.dumps({"Width": size.columns, "Height": size.rows}).encode()
    return frame(bytes([Channel.RESIZE]) + body)


@dataclass(frozen=True, slots=True)
class Exited:
    """The process has ended, and all that hold its streams have closed them."""

    exit_code: int


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no exit code. ``text`` is the reason in the cluster's words.

    ``is_start`` where the container runtime could not start the command.
    """

    text: str
    is_start: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping, to be answered with ``reply``."""

    reply: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Closed:
    """The server has closed the WebSocket."""


Ending: TypeAlias = Exited | Refused
Event: TypeAlias = Frame | Ending | Ping | Closed


def ending_of(status: bytes) -> Ending:
    """Return the meaning of a Status. Raises :class:`ProtocolError`."""
    content = parse(status, "status of an exec")
    if not isinstance(content, dict):
        raise ProtocolError(f"The status of an exec is not a JSON object: {status[:200]!r}.")
    if content.get("status") == "Success":
        return Exited(0)
    details = content.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    found = [cause for cause in causes if isinstance(cause, dict)] if causes else []
    if content.get("reason") == "NonZeroExitCode":
        for cause in found:
            text = str(cause.get("message", ""))
            if cause.get("reason") == "ExitCode" and text.isdecimal() and len(text) < _MAX_DIGITS:
                return Exited(int(text))
        # The message repeats the command line, which may hold anything.
        raise ProtocolError("The status of an exec has no exit code.")
    text = " ".join(str(cause.get("message", "")) for cause in found if not cause.get("reason"))
    text = text or str(content.get("message") or content.get("reason") or "no reason was given")
    return Refused(text, _is_start(text))


#: The runtime's words when the command is the reason, and not the container or the line to it.
_START_WORDS = ("oci runtime", "exec failed", "unable to start container process", "args must not")


#: What kubelets, containerd, CRI-O and runc say of a container that does not run.
_stopped = re.compile(
    r"container not found|no running task found|\b(task|container) \S+ not found"
    r"|try to find container \S+ not found|no such container|container_exited state"
    r"|cannot exec (in a stopped|a container that has)|not created or running",
    re.IGNORECASE,
)


def says_stopped(text: str) -> bool:
    """Return whether an error's text says that the container does not run."""
    return _stopped.search(text) is not None


def _is_start(text: str) -> bool:
    lowered = text.lower()
    return not says_stopped(text) and any(words in lowered for words in _START_WORDS)


class Incoming:
    """Bytes in, events out. Messages of stdout and stderr come in pieces as their frames do."""

    def __init__(self) -> None:
        self._decoder = WebSocketDecoder()
        self._channel: int | None = None
        self._status = bytearray()

    @property
    def is_inside(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._decoder.is_inside

    def receive_data(self, data: bytes) -> Iterator[Event]:
        """Take the next bytes; return what is complete by now. Raises :class:`ProtocolError`."""
        self._decoder.receive_data(data)
        while (found := self._decoder.next_frame()) is not None:
            opcode, payload, is_last = found
            if (event := self._take(opcode, payload, is_last=is_last)) is not None:
                yield event

    def _take(self, opcode: int, payload: bytes, *, is_last: bool) -> Event | None:
        if opcode == ABNF.OPCODE_CLOSE:
            return Closed()
        if opcode == ABNF.OPCODE_PING:
            return Ping(frame(payload, ABNF.OPCODE_PONG))
        if opcode == ABNF.OPCODE_PONG:
            return None
        if opcode != ABNF.OPCODE_CONT:
            self._channel = None
        if self._channel is None and payload:
            # Text and binary are the same here.
            self._channel, payload = payload[0], payload[1:]
        channel = self._channel
        if is_last:
            self._channel = None
        return self._hear(channel, payload, is_last=is_last)

    def _hear(self, channel: int | None, data: bytes, *, is_last: bool) -> Event | None:
        if channel in {Channel.STDOUT, Channel.STDERR}:
            # The first is empty, and says nothing: the process may not have started.
            return Frame(Stream(channel), data) if data else None
        if channel == Channel.STATUS:
            self._status += data
            if len(self._status) > MAX_STATUS:
                raise ProtocolError(f"The status of an exec has more than {MAX_STATUS:,} bytes.")
            if is_last:
                status = bytes(self._status)
                self._status.clear()
                return ending_of(status) if status else None
        return None
