"""What a check prints: kept within bounds, as text for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypedDict

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.backend.protocol import FrameReader
from dexec_kernel.units import format_size

#: In bytes: of the message the beginning is kept, of the teacher's text the end.
MESSAGE, TEACHERS = 16 * 1024, 64 * 1024
#: In bytes: a check that prints more says nothing.
TOO_MUCH = 64 * 1024 * 1024
_code = re.compile(rb"[0-9]{1,3}")


class Texts(TypedDict):
    """The texts of a result."""

    message: str
    stderr: str
    notes: tuple[str, ...]


class _Voice:
    """One stream. It ends with a line that has a mark and an exit code, or with the stream."""

    def __init__(self, mark: str) -> None:
        self._begin = f"\n{mark} ".encode() if mark else b""
        self._held = b""
        self.exit_code: int | None = None

    def hear(self, data: bytes) -> bytes:
        """Return what is the check's own for certain."""
        if not self._begin:
            return data
        if self.exit_code is not None:
            return b""  # A process in the background.
        own, begin, line = (self._held + data).partition(self._begin)
        if begin:
            self._held = begin + line
            code, is_whole, _ = line.partition(b"\n")
            if is_whole:
                self._held = b""
                self.exit_code = int(code) if _code.fullmatch(code) else None
            return own
        # The mark may have come in part.
        keep = max(
            (n for n in range(1, len(self._begin)) if own.endswith(self._begin[:n])), default=0
        )
        self._held = own[len(own) - keep :]
        return own[: len(own) - keep]

    def end(self) -> bytes:
        """Return the rest where the stream has ended without the mark."""
        held, self._held = self._held, b""
        return held


class Speech:
    """Collects the streams of a check, up to a line with ``mark`` where there is one."""

    def __init__(self, mark: str = "") -> None:
        self._message, self._teachers = bytearray(), bytearray()
        self._voices = {stream: _Voice(mark) for stream in (Stream.STDOUT, Stream.STDERR)}
        self._left_out = self._size = 0

    async def listen(self, streams: FrameReader) -> None:
        """Hear everything up to the end, or until it is too much. Raises as ``read`` does."""
        while self._size <= TOO_MUCH and not self._is_over and (frames := await streams.read()):
            self.hear(frames)
        for stream, voice in self._voices.items():
            self._keep(stream, voice.end())

    def hear(self, frames: Iterable[Frame]) -> None:
        """Take frames, in order."""
        for frame in frames:
            self._size += len(frame.data)
            if frame.stream in self._voices:
                self._keep(frame.stream, self._voices[frame.stream].hear(frame.data))

    @property
    def exit_code(self) -> int | None:
        """The exit code, None where both streams have not told it alike."""
        said = {voice.exit_code for voice in self._voices.values()}
        return said.pop() if len(said) == 1 else None

    @property
    def _is_over(self) -> bool:
        return all(voice.exit_code is not None for voice in self._voices.values())

    def _keep(self, stream: Stream, data: bytes) -> None:
        if stream is Stream.STDERR:
            self._teachers += data[-TEACHERS:]
            del self._teachers[:-TEACHERS]
        else:
            room = MESSAGE - len(self._message)
            self._message += data[:room]
            self._left_out += max(0, len(data) - room)

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
