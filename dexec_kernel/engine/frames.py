"""The engine's multiplexed stream: bytes in, frames out. No I/O.

Source: Docker Engine API, "Attach to a container", stream format. Each frame is a header of eight
bytes, ``[type, 0, 0, 0, size big-endian 32 bits]``, and ``size`` bytes of payload.
"""

from __future__ import annotations

import struct
from typing import Protocol

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.errors import ProtocolError, StreamCutOff, StreamFault

HEADER_SIZE = 8
#: More of an engine's own error text than this is not kept.
MAX_FAULT_SIZE = 64 * 1024

_header = struct.Struct(">BxxxI")


class Decoder(Protocol):
    """Turns the bytes of an attached connection into frames."""

    def receive_data(self, data: bytes) -> list[Frame]:
        """Take the next bytes and return the frames, or pieces of them, that they complete."""
        ...

    def receive_eof(self) -> None:
        """Take the end of the stream. Raises :class:`StreamCutOff` in the middle of a frame."""
        ...


class FrameDecoder:
    """Decodes a multiplexed stream, wherever its bytes are cut. Each payload is copied once.

    After an error the decoder raises the same error again: what follows a broken frame cannot be
    told from garbage.
    """

    def __init__(self) -> None:
        self._head = b""
        self._stream = Stream.STDOUT
        self._missing = 0
        self._fault = bytearray()
        self._error: ProtocolError | StreamFault | None = None

    def receive_data(self, data: bytes) -> list[Frame]:
        """Take the next bytes and return the frames, or pieces of them, that they complete.

        Raises :class:`ProtocolError` for an unknown type of frame and :class:`StreamFault` for an
        error that the engine reports in the stream. The frames that came before are returned
        first; the error is raised by the next call.
        """
        if self._error is not None:
            raise self._error
        frames: list[Frame] = []
        try:
            self._decode(data, frames)
        except (ProtocolError, StreamFault) as error:
            self._error = error
            if not frames:
                raise
        return frames

    def receive_eof(self) -> None:
        """Take the end of the stream.

        Raises :class:`StreamCutOff` when a frame is incomplete, or the error that an earlier
        call still owes.
        """
        if self._error is not None:
            raise self._error
        if self._head:
            raise StreamCutOff(
                f"The engine's stream ended after {len(self._head)} of {HEADER_SIZE} bytes of a"
                " frame's header."
            )
        if self._missing:
            raise StreamCutOff(
                f"The engine's stream ended {self._missing} bytes before the end of a"
                f" {self._stream.name.lower()} frame."
            )

    def _decode(self, data: bytes, frames: list[Frame]) -> None:
        position, end = 0, len(data)
        while position < end:
            if not self._missing:
                position = self._read_header(data, position)
                continue
            piece = data[position : position + self._missing]
            position += len(piece)
            self._missing -= len(piece)
            if self._stream is Stream.SYSTEM_ERROR:
                self._fault += piece[: MAX_FAULT_SIZE - len(self._fault)]
                if not self._missing:
                    self._raise_fault()
            else:
                frames.append(Frame(self._stream, piece))

    def _read_header(self, data: bytes, position: int) -> int:
        """Read a header, or as much of it as there is, and return where the payload begins."""
        wanted = HEADER_SIZE - len(self._head)
        head = self._head + data[position : position + wanted]
        if len(head) < HEADER_SIZE:
            self._head = head
            return len(data)
        self._head = b""
        kind, self._missing = _header.unpack(head)
        try:
            self._stream = Stream(kind)
        except ValueError as error:
            raise ProtocolError(
                f"The engine's stream has a frame of the unknown type {kind} (header {head.hex()})."
            ) from error
        if self._stream is Stream.SYSTEM_ERROR and not self._missing:
            self._raise_fault()
        return position + wanted

    def _raise_fault(self) -> None:
        text = self._fault.decode("utf-8", "replace").strip()
        raise StreamFault(f"The engine reported an error: {text or '(no text)'}")


class RawDecoder:
    """For a Tty's stream, which has no frames: all bytes are stdout."""

    def receive_data(self, data: bytes) -> list[Frame]:
        """Return ``data`` as one frame of stdout."""
        return [Frame(Stream.STDOUT, data)] if data else []

    def receive_eof(self) -> None:
        """Take the end of the stream, which may come anywhere."""
