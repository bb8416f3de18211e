"""What a check prints: kept within bounds, as text for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.backend.protocol import FrameReader
from dexec_kernel.units import format_size

#: In bytes: of the message the beginning is kept, of the teacher's text the end.
MESSAGE, TEACHERS = 16 * 1024, 64 * 1024
#: In bytes: a check that prints more says nothing.
TOO_MUCH = 64 * 1024 * 1024


class Texts(TypedDict):
    """The texts of a result."""

    message: str
    stderr: str
    notes: tuple[str, ...]


class Speech:
    """Collects the streams of a check."""

    def __init__(self) -> None:
        self._message, self._teachers = bytearray(), bytearray()
        self._left_out = self._size = 0

    async def listen(self, streams: FrameReader) -> None:
        """Hear everything up to the end, or until it is too much. Raises as ``read`` does."""
        while self._size <= TOO_MUCH and (frames := await streams.read()):
            self.hear(frames)

    def hear(self, frames: Iterable[Frame]) -> None:
        """Take frames, in order."""
        for frame in frames:
            self._size += len(frame.data)
            if frame.stream is Stream.STDERR:
                self._teachers += frame.data[-TEACHERS:]
                del self._teachers[:-TEACHERS]
            elif frame.stream is Stream.STDOUT:
                room = MESSAGE - len(self._message)
                self._message += frame.data[:room]
                self._left_out += max(0, len(frame.data) - room)

    @property
    def fault(self) -> str:
        """A sentence if it was too much to be heard to the end, else ""."""
        too_much = f"The check printed more than {format_size(TOO_MUCH)}."
        return too_much if self._size > TOO_MUCH else ""

    def texts(self, notes: tuple[str, ...] = ()) -> Texts:
        """Return the texts of a result: the student's, the teacher's, and ``notes`` of ours."""
        message = self._message.decode("utf-8", "replace").rstrip()
        if self._left_out:
            message += f"\n[{self._left_out:,} bytes are left out]"
        stderr = self._teachers.decode("utf-8", "replace").rstrip()
        return {"message": message, "stderr": stderr, "notes": notes}
