"""The state of a shell that carries over from cell to cell. No I/O.

It is in pieces, each of which is restored by itself when the next cell begins (``driver.sh``).
:mod:`shell.takeover` makes it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.shell.names import LATE_VARIABLES

#: In characters, of four bytes at most: one environment entry takes 131,071 bytes.
_PART_SIZE = 30_000


@dataclass(frozen=True, slots=True)
class ShellState:
    """The state of a container's shell between two cells.

    ``pieces`` are evaluated one by one, by a key that tells what each is, before a cell is there;
    ``late`` is evaluated after the cell was read, since it can change the meaning of what the
    driver does; ``prelude`` stands in front of the cell's own text, on its first line, and is
    nearly always empty. ``shield`` are environment variables that a new shell is started with in
    place of the container's own. None is for people's eyes: they hold the values of variables.
    ``exported`` are the environment variables, the others the names of what the shell has.
    """

    pieces: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    late: bytes = field(default=b"", repr=False)
    prelude: str = field(default="", repr=False)
    folder: str = ""
    shield: Mapping[str, str] = field(default_factory=dict, repr=False)
    exported: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: frozenset[str] = frozenset()
    readonly: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()
    #: The names of the options that are set, bash's own among them.
    options: frozenset[str] = frozenset()
    arguments: tuple[bytes, ...] = field(default=(), repr=False)
    traps: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)

    @property
    def early(self) -> bytes:
        """All pieces, one after the other."""
        return b"\n".join(self.pieces.values())

    def with_variable(self, name: str, value: str) -> ShellState:
        """Return the state in which a variable is exported with ``value`` as well."""
        line = exporting(name, value).encode()
        exported = {**self.exported, name: value}
        if LATE_VARIABLES.fullmatch(name):
            late = self.late + b"\n" + line
            return replace(self, late=late, exported=exported)
        pieces = {**self.pieces, f"set {name}": line}
        return replace(self, pieces=pieces, exported=exported)

    def check_may_set(self, names: Iterable[str]) -> None:
        """Raise :class:`ConfigurationError` where a cell has made one of the variables readonly."""
        if found := self.readonly.intersection(names):
            raise ConfigurationError(
                f"A cell has made {', '.join(sorted(found))} readonly.",
                advice="`%reset` forgets the session, and that with it.",
            )

    def without(self, names: Iterable[str]) -> ShellState:
        """Return the state without the functions that could not be restored."""
        gone = set(names)
        pieces = {
            key: piece
            for key, piece in self.pieces.items()
            if not (key.startswith("function ") and key.removeprefix("function ") in gone)
        }
        return replace(self, pieces=pieces, functions=self.functions - gone)

    def environment(self) -> tuple[dict[str, str], int, int]:
        """Return what hands the state to the driver; where its early part ends, and its late."""
        # Bytes that are no UTF-8 do not survive: the engine's API is JSON.
        early, late = (_cut(part.decode("utf-8", "replace")) for part in (self.early, self.late))
        found = {f"DEXEC_STATE_{number}": part for number, part in enumerate([*early, *late])}
        return {**found, **self.shield}, len(early), len(early) + len(late)


def exporting(name: str, value: str) -> str:
    """Return what exports a variable: no alias or function changes it, and no shell ends by it."""
    return f"\\command export {name}={shlex.quote(value)}"


def has_folder(state: ShellState | None) -> bool:
    """Return whether a cell with this state goes to a folder of its own."""
    return state is not None and bool(state.folder)


def _cut(text: str) -> list[str]:
    return [text[start : start + _PART_SIZE] for start in range(0, len(text), _PART_SIZE)]
