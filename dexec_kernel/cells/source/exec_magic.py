"""``%%exec`` and its short forms such as ``%%python3``: words in, :class:`CellOptions` out."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.source.parser import MagicParser, seconds
from dexec_kernel.cells.source.programs import INTERPRETERS, interpreter_of
from dexec_kernel.errors import CellSyntaxError

EXEC = "exec"
#: The names of the cell magics that run the cell in the container, without their signs.
CELL_MAGICS = (EXEC, *INTERPRETERS)

_END = "--"
_name = re.compile(r"[^=\s]+")
_OPTIONS = (
    "[-c NAME] [-u USER] [-w DIR] [-e NAME=VALUE]... [-t] [-i] {detach}[--timeout S]"
    " [--privileged] [--no-error]"
)
_EXEC_DESCRIPTION = """\
Run this cell with options, or pass it to a command's stdin. Must be the first
line of a cell, or follow its line magics."""
_EXEC_EPILOG = """\
%%exec -u student -w /srv     the cell is run by the shell, as student, in /srv
%%exec -- psql -U postgres    the cell is the input of psql
%%exec -d -- ./worker         start a command and do not wait for it; it outlives the kernel
%%python3                     short for: %%exec -- python3 -u -"""
#: What a detached command cannot have: the attribute and the option, the reason, and the way out.
_NOT_DETACHED = (
    ("tty", "-t", "a detached command has no terminal", "Leave -t or -d out."),
    ("interactive", "-i", "a detached command gets no input", "Leave -i or -d out."),
    (
        "timeout",
        "--timeout",
        "nobody waits for a detached command",
        "Where the image has it, `timeout 60 COMMAND` limits the command itself.",
    ),
    (
        "no_error",
        "--no-error",
        "a detached command reports no exit code",
        "Leave --no-error out: the cell is ok as soon as the command is started.",
    ),
)


def is_exec_magic(name: str) -> bool:
    """Return whether ``%%name`` is read here."""
    return name == EXEC or interpreter_of(name) is not None


def read_exec_magic(name: str, words: Sequence[str]) -> CellOptions:
    """Read the words after ``%%exec`` or a short form. Raises :class:`CellSyntaxError`.

    The words of a short form go to the program. Cell options must be before a ``--``.
    """
    interpreter = interpreter_of(name)
    parser = _parser(name)
    own, found_end, rest = _split(words)
    if interpreter is not None:
        if not found_end:
            own, rest = [], own
        options = _options(parser, own, interpreter.command(name, rest))
        if options.detach:
            raise CellSyntaxError(
                f"%%{name}: -d gives {name} no input, so that it cannot read this cell.",
                advice=f"`%%exec -d -- {name} ARG...` starts {name} detached, for example with a"
                " script that is in the container.",
            )
        return options
    if found_end and not rest:
        raise CellSyntaxError("%%exec: there is no command after the --.", advice=parser.usage_line)
    if rest and not rest[0]:
        raise CellSyntaxError("%%exec: the command is an empty word.", advice=parser.usage_line)
    return _options(parser, own, rest)


def exec_help(name: str) -> str:
    """Return the help of ``%%exec`` or of a short form."""
    return _parser(name).format_help()


def _parser(name: str) -> MagicParser:
    interpreter = interpreter_of(name)
    magic = f"%%{name}"
    if interpreter is None:
        usage = f"{_OPTIONS.format(detach='[-d] ')} [-- COMMAND ARG...]"
        parser = MagicParser(
            magic,
            _EXEC_DESCRIPTION,
            usage=usage,
            epilog=_EXEC_EPILOG,
            too_much="write a command after --",
        )
    else:
        short_for = " ".join(interpreter.command(name, []))
        parser = MagicParser(
            magic,
            f"Pass this cell to {name}: short for %%exec -- {short_for}\n"
            f"Arguments go to {name}. Put cell options before a --:\n"
            f"  {magic} -u student -- ARG",
            usage=f"[ARG...]   or   {magic} {_OPTIONS.format(detach='')} -- [ARG...]",
        )
    _add_options(parser, may_detach=interpreter is None)
    return parser


def _add_options(parser: MagicParser, *, may_detach: bool) -> None:
    add = parser.add_argument
    add("-c", "--container", metavar="NAME", type=_word, help="run in this container, once")
    add("-u", "--user", metavar="USER", type=_word, help="run it as this user or id, or USER:GROUP")
    add("-w", "--workdir", metavar="DIR", type=_word, help="start in this folder")
    add(
        *("-e", "--env"),
        metavar="NAME=VALUE",
        type=_assignment,
        action="append",
        default=[],
        help="set a variable; may be repeated",
    )
    add("-t", "--tty", action="store_true", help="give it a terminal")
    add("-i", "--interactive", action="store_true", help="ask for input after a short silence")
    add(
        *("-d", "--detach"),
        action="store_true",
        help="start it and do not wait for its end; its output is discarded"
        if may_detach
        else argparse.SUPPRESS,
    )
    add(
        "--timeout",
        metavar="S",
        type=seconds,
        help="interrupt it after S seconds; 'off' for no limit",
    )
    add("--privileged", action="store_true", help="give it all capabilities")
    add(
        "--no-error",
        action="store_true",
        help="do not report an exit code other than 0 as an error",
    )


def _options(parser: MagicParser, words: Sequence[str], command: Sequence[str]) -> CellOptions:
    found = parser.read(words)
    if found.detach:
        for name, option, why, advice in _NOT_DETACHED:
            if getattr(found, name):
                raise CellSyntaxError(
                    f"{parser.prog}: -d and {option} exclude each other: {why}.", advice=advice
                )
    return CellOptions(
        container=found.container or "",
        user=found.user or "",
        workdir=found.workdir or "",
        env=dict(found.env),
        tty=found.tty,
        interactive=found.interactive,
        detach=found.detach,
        timeout=found.timeout,
        privileged=found.privileged,
        no_error=found.no_error,
        command=tuple(command),
    )


def _split(words: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    """Return the words before the first ``--``, whether it exists, and the words after it."""
    if _END not in words:
        return list(words), False, []
    end = list(words).index(_END)
    return list(words[:end]), True, list(words[end + 1 :])


def _word(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the value is empty")
    return text


def _assignment(text: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``. An error's text never contains a value.

    ``docker exec -e NAME`` takes the value from the client's environment. A kernel's environment
    contains tokens of Jupyter, which must not get into a notebook.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(
            f"{text!r} has no value; write {text}=VALUE"
            " (unlike docker, none is taken from the kernel's own environment)"
        )
    if not _name.fullmatch(name):
        raise argparse.ArgumentTypeError("the name before the = is empty or has spaces in it")
    return name, value
