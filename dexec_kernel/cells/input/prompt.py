"""A program's prompt: the incomplete line that it printed last. No I/O."""

from __future__ import annotations

import re

#: In bytes: a longer line is not a prompt, and only its end is shown.
_MAX_SIZE = 1000
#: Colours and other sequences for terminals: CSI and OSC of ECMA-48, and short ones.
_escape_sequence = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])"
)
_control = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_line_end = re.compile(rb"[\r\n]")
#: The end of a prompt for a secret.
_secret = re.compile(
    r"(?<![a-z])(?:pass(?:word|phrase|wd|code|wort)?|pwd|kennwort|mot de passe|contrase(?:ñ|n)a|pin"
    r"(?:[ -]?code)?|secret|(?:api |access )?(?:token|key)|otp|verification code)"
    r"(?![a-z])(?:(?!\. )[^:?>\n]){0,80}[:?>]\s*$",
    re.IGNORECASE,
)


class Prompt:
    """Keeps the incomplete last line of an output."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> None:
        """Take output of either stream: a prompt may be in both."""
        self._tail = _line_end.split((self._tail + data)[-_MAX_SIZE:])[-1]

    def clear(self) -> None:
        """Forget what was printed: it has been answered."""
        self._tail = b""

    @property
    def text(self) -> str:
        """The line as people read it, without what only terminals understand."""
        text = self._tail.decode("utf-8", "replace")
        return _control.sub("", _escape_sequence.sub("", text))


def asks_for_secret(prompt: str) -> bool:
    """Return whether the answer to ``prompt`` should be hidden."""
    return _secret.search(prompt) is not None
