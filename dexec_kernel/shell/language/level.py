"""One of the texts inside a text that are open where somebody types. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

#: A command follows these words.
_BEFORE_COMMAND = frozenset(["if", "then", "elif", "else", "while", "until", "do", "!", "{"])
_TAKES_COMMAND = frozenset(
    ["sudo", "env", "exec", "nohup", "command", "builtin", "type", "which", "nice", "xargs", "time"]
)


@dataclass
class Level:
    """A text inside another: the cell, ``$(…)``, ```…```, ``(…)``, ``${…}``, ``$((…))``."""

    closer: str = ""
    has_words: bool = True
    takes_command: bool = True
    command: str = ""
    is_target: bool = False
    quote: str = ""
    start: int | None = None
    value: list[str] = field(default_factory=list)
    is_known: bool = True
    is_assignment: bool = False
    is_segment: bool = False

    def end_word(self) -> None:
        """Take the end of a word, which says what the next may be."""
        if self.start is None:
            return
        word, self.start = "".join(self.value), None
        if self.is_target:
            self.is_target = False
        elif self.takes_command:
            if self.is_assignment or (not self.command and word in _BEFORE_COMMAND):
                return
            is_option = word.startswith("-") and self.command in _TAKES_COMMAND
            if not is_option:
                self.command = word
                self.takes_command = word in _TAKES_COMMAND
