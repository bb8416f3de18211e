"""A cell's text, taken apart: the line magics at its head and the body below them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from dexec_kernel.engine.errors import DexecError

#: A magic is a % and a name; a shell has %1 and %% (jobs), and those only inside a command.
_magic = re.compile(r"\s*%(?P<name>[A-Za-z_]\w*)(?:\s+(?P<rest>.*))?$")

MAGICS = {"container": "%container [NAME]: run the cells in NAME; without it, show the choice"}


class CellSyntaxError(DexecError):
    """The cell cannot be read: a magic has words that it does not take, or no shell takes it."""


class UnknownMagic(CellSyntaxError):
    """The cell asks for something that there is not."""


@dataclass(frozen=True, slots=True)
class Magic:
    """A line magic, such as ``%container web``."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: the magics at its head, and the ``body`` that is executed in the container."""

    magics: tuple[Magic, ...]
    body: str


def parse_cell(text: str) -> Cell:
    """Take a cell apart. Raises :class:`CellSyntaxError`, for one :class:`UnknownMagic`.

    The body keeps its line numbers: lines of magics are left empty.
    """
    if "\0" in text:
        raise CellSyntaxError("A cell cannot contain a NUL character; no shell takes one.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CellSyntaxError(f"The cell is no Unicode text: {error.reason}.") from error
    magics: list[Magic] = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        match = _magic.match(line.rstrip("\r"))
        if match is None:
            break
        magics.append(_read_magic(match["name"], match["rest"] or ""))
        lines[number] = ""
    body = "\n".join(lines)
    return Cell(tuple(magics), body if body.strip() else "")


def _read_magic(name: str, rest: str) -> Magic:
    if name not in MAGICS:
        known = "\n".join(f"  {usage}" for usage in MAGICS.values())
        raise UnknownMagic(f"There is no magic %{name}.", advice=f"Known are:\n{known}")
    try:
        arguments = shlex.split(rest, comments=True)
    except ValueError as error:
        raise CellSyntaxError(f"%{name} {rest}: {error}.", advice=MAGICS[name]) from error
    if len(arguments) > 1:
        raise CellSyntaxError(
            f"%{name} takes one name at most; {arguments[1]!r} is too much.", advice=MAGICS[name]
        )
    return Magic(name, tuple(arguments))
