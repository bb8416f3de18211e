"""The hand-over: the state that a cell's shell sends at its end, by ``handover.sh``. No I/O.

If no other process has the cell's output open, each kind of state is a separate message. Otherwise
the state is one text, sent in numbered parts that other output cannot split, followed by a message
``parts NUMBER LENGTH SEPARATOR``. The separator takes the place of the marks; in text from bash its
beginning replaces a newline.
"""

from __future__ import annotations

from collections.abc import Mapping

#: In bytes: the part of the separator that replaces a newline.
_LINE_END_SIZE = 14


class DamagedHandover(Exception):
    """Something is missing in a hand-over, or something else has got into it."""


class HandoverTooLarge(Exception):
    """The shell has not sent its state; ``size`` is in bytes or characters."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size:,} bytes")
        self.size = size


def whole(said: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return what was handed over by its kind, from all messages by their first words.

    Raises :class:`DamagedHandover`, :class:`HandoverTooLarge`.
    """
    numbered = {kind: text for kind, text in said.items() if kind.startswith("part")}
    if not numbered:
        return said
    try:
        count, length, separator = numbered.pop("parts").split(b" ")
        number, expected = int(count), int(length)
    except (KeyError, ValueError) as error:
        raise DamagedHandover from error
    if not number:
        raise HandoverTooLarge(expected)
    if numbered.keys() != {f"part{index}" for index in range(number)}:
        raise DamagedHandover
    text = b"".join(numbered[f"part{index}"] for index in range(number))
    # Shells count bytes or characters, and an invalid byte as one.
    if expected not in {len(text), len(text.decode("utf-8", "surrogateescape"))}:
        raise DamagedHandover
    found = {}
    for message in text.split(separator):
        kind, _, content = message.partition(b" ")
        if kind:
            line_end = separator[:_LINE_END_SIZE]
            found[kind.decode("ascii", "replace")] = content.replace(line_end, b"\n")
    return found
