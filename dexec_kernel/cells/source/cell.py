"""A cell's text, taken apart: line magics at its head, a cell magic, and the body below them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dexec_kernel.cells.source.exec_magic import (
    CELL_MAGICS,
    exec_help,
    is_exec_magic,
    read_exec_magic,
)
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.source.parser import asks_for_help, split_words
from dexec_kernel.errors import CellSyntaxError, UnknownMagic

__all__ = [
    "CELL_MAGICS",
    "SIGN",
    "Cell",
    "CellSyntaxError",
    "MagicLine",
    "UnknownMagic",
    "parse_cell",
    "says_nothing",
]

#: A magic is one or two % and a name; a shell has %1 and %% (jobs), and those only in a command.
SIGN = r"%%?[A-Za-z_][\w.-]*"
_magic = re.compile(rf"\s*(?P<sign>{SIGN})(?P<help>\?{{0,2}})(?:\s+(?P<rest>.*))?$")
_CELL_MAGIC = "%%"
_COMMENT = "#"
#: Some editors put it in front of a file's text. A shell would take it for a part of a word.
_BYTE_ORDER_MARK = "\ufeff"
_MOST_MAGICS = 1000


@dataclass(frozen=True, slots=True)
class MagicLine:
    """A magic's line, such as ``%container web``. ``sign`` is the name with its % or %%."""

    sign: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: the magics at its head, and the ``body`` that is executed in the container.

    Where ``options.command`` is set, or there is a ``cell_magic``, that takes the body instead:
    the text below its line, unchanged. ``sign`` is that of the cell's ``%%`` line, "" without one.
    ``help`` is the text to show instead of running anything below the magics.
    """

    magics: tuple[MagicLine, ...] = ()
    body: str = ""
    options: CellOptions = CellOptions()  # noqa: RUF009 -- frozen
    cell_magic: MagicLine | None = None
    help: str = ""
    sign: str = ""

    @property
    def runs(self) -> bool:
        """Whether there is something to run in the container."""
        return not self.help and self.cell_magic is None and bool(self.body or self.options.command)


def parse_cell(text: str) -> Cell:
    """Split a cell into magics, options and body. Raises :class:`CellSyntaxError`.

    Blank lines and comments may be above and between magics. A body for a shell keeps its line
    numbers: the lines of magics become empty. The arguments of magics other than ``%%exec`` and its
    short forms are parsed later.
    """
    if "\0" in text:
        raise CellSyntaxError("A cell cannot contain a NUL character; no shell accepts one.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CellSyntaxError(f"The cell is not Unicode text: {error.reason}.") from error
    magics: list[MagicLine] = []
    lines = text.removeprefix(_BYTE_ORDER_MARK).split("\n")
    for number, line in enumerate(lines):
        if says_nothing(line):
            continue
        magic = _read_line(line.rstrip("\r"))
        if magic is None:
            break
        lines[number] = ""
        if magic.sign.startswith(_CELL_MAGIC):
            below = "\n".join(lines[number + 1 :])
            return _cell_with_magic(tuple(magics), magic, below, lines)
        magics.append(magic)
        if len(magics) > _MOST_MAGICS:
            raise CellSyntaxError(f"The cell has more than {_MOST_MAGICS:,} magics.")
    return Cell(tuple(magics), _shell_body(lines))


def says_nothing(line: str) -> bool:
    """Return whether a line is blank or a comment, as lines above magics may be."""
    text = line.lstrip()
    return not text or text.startswith(_COMMENT)


def _read_line(line: str) -> MagicLine | None:
    match = _magic.match(line)
    if match is None:
        return None
    sign = match["sign"]
    if match["help"]:
        return MagicLine(sign, ("--help",))
    return MagicLine(sign, split_words(sign, match["rest"] or ""))


def _cell_with_magic(
    magics: tuple[MagicLine, ...], magic: MagicLine, below: str, lines: list[str]
) -> Cell:
    name = magic.sign.removeprefix(_CELL_MAGIC)
    if not is_exec_magic(name):
        return Cell(magics, below, cell_magic=magic, sign=magic.sign)
    if asks_for_help(magic.arguments):
        return Cell(magics, help=exec_help(name), sign=magic.sign)
    options = read_exec_magic(name, magic.arguments)
    if options.detach and options.command and below.strip():
        raise CellSyntaxError(
            f"{magic.sign} -d: a detached command gets no input, and there is text below its line.",
            advice="Remove the text, or leave `-- COMMAND` out: a shell then runs the text, and can"
            " give a command its input (`COMMAND <<'END'`).",
        )
    body = below if options.command else _shell_body(lines)
    return Cell(magics, body, options, sign=magic.sign)


def _shell_body(lines: list[str]) -> str:
    body = "\n".join(lines)
    return body if body.strip() else ""
