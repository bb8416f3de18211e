"""What a cell's shell says at its end, as ``handover.sh`` sends it. No I/O.

The state is one text whose sections each begin with a separator and their kind; the last is
``end``. Where nobody else has the cell's output open it is one message, ``state``. Otherwise it is
sent in numbered parts into which nothing else can get, and a last message ``parts NUMBER LENGTH
SEPARATOR``; a prefix of the mark stands for a line's end in what bash sends so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dexec_kernel.errors import DexecError
from dexec_kernel.shell.marks import MAX_MESSAGE

#: A shell tells no state of more than 4 MB, in parts of 3900 bytes.
_MAX_PARTS = 2_000
#: In bytes: how much of the mark stands for a line's end.
_LINE_END_SIZE = 14


class DamagedHandover(DexecError):
    """Something is missing in a hand-over, or something else has got into it."""


@dataclass(frozen=True, slots=True)
class Handover:
    """The sections of a hand-over, in order: the kind of each, and its text."""

    sections: Sequence[tuple[str, bytes]]

    def one(self, kind: str) -> bytes:
        """Return the section of a kind. Raises :class:`DamagedHandover` where it is missing."""
        for found, text in self.sections:
            if found == kind:
                return text
        raise DamagedHandover(f"The shell's state has no {kind}.")


class HandoverParts:
    """Puts together what comes in messages, until it is whole."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._parts: dict[int, bytes] = {}
        self._size = 0

    def feed(self, kind: str, said: bytes) -> Handover | None:
        """Take a message; return the hand-over that it makes whole, None while it is not.

        Raises :class:`DamagedHandover` where it cannot become whole, and where ``kind`` is of no
        message of a hand-over.
        """
        if kind == "state":
            return _read(said, self._mark[:-1].encode() + b";")
        if kind == "parts":
            return self._put_together(said)
        number = kind.removeprefix("part")
        if number == kind or not number.isascii() or not number.isdigit() or len(number) > 6:  # noqa: PLR2004 -- digits
            raise DamagedHandover("The shell sent a message of an unknown kind.")
        self._size += len(said)
        if self._size > MAX_MESSAGE or len(self._parts) > _MAX_PARTS:
            self._parts.clear()
            raise DamagedHandover("The parts of the shell's state have no end.")
        self._parts[int(number)] = said
        return None

    def _put_together(self, said: bytes) -> Handover:
        parts, self._parts = self._parts, {}
        try:
            count, length, separator = said.split(b" ")
            number, expected = int(count), int(length)
        except ValueError as error:
            raise DamagedHandover("The end of the shell's state cannot be read.") from error
        if not separator:
            raise DamagedHandover("The shell's state has no separator.")
        # A number may be any: no set is made of one that is wrong.
        if number != len(parts) or parts.keys() != set(range(number)):
            raise DamagedHandover(f"Of {number} parts of the shell's state {len(parts)} came.")
        text = b"".join(parts[index] for index in range(number))
        # Shells count bytes or characters, and bytes that are no character as one.
        if expected not in {len(text), len(text.decode("utf-8", "surrogateescape"))}:
            raise DamagedHandover(f"Of the shell's state {len(text)} of {expected} bytes came.")
        return _read(text, separator, self._mark[:_LINE_END_SIZE].encode())


def _read(text: bytes, separator: bytes, line_end: bytes = b"\n") -> Handover:
    """Return the sections of the whole text. Raises :class:`DamagedHandover`."""
    before, *sections = text.split(separator)
    if before or not sections or sections.pop() != b"end ":
        raise DamagedHandover("The shell's state is not whole.")
    kinds = [section.replace(line_end, b"\n").partition(b" ") for section in sections]
    return Handover([(kind.decode("ascii", "replace"), rest) for kind, _, rest in kinds])
