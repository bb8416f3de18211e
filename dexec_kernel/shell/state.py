"""The state of a shell that carries over from cell to cell. No I/O.

The shell prints its own state when a cell ends (``handover.sh``) and evaluates it when the next
begins (``driver.sh``). Here it is only put together, and looked at as far as is needed for that.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dexec_kernel.shell.environment import (
    alias_names,
    exported_values,
    function_names,
    variable_names,
)
from dexec_kernel.shell.handover import DamagedHandover, HandoverTooLarge, whole

#: In characters, of four bytes at most: one environment entry takes 131,071 bytes.
_PART_SIZE = 30_000
#: In bytes: all entries and arguments of a process have about 2 MiB together.
MAX_STATE_SIZE = 900_000

#: Options that a shell has of itself, or that would make the next cell's shell useless.
_SET_BY_DEFAULT = frozenset({"braceexpand", "hashall", "interactive-comments"})
_NEVER_CARRIED = frozenset({"interactive", "noexec", "onecmd", "privileged", "stdin"})
#: These come last: the first shows every command that follows, the second ends the shell for one.
_LAST = ("errexit", "verbose", "xtrace")

_option = re.compile(rb"^set ([+-])o ([a-z-]+)$", re.MULTILINE)
#: Bash's TERM without a terminal. With a terminal (-t) the engine sets another one.
_dumb_terminal = re.compile(rb'^declare -- TERM="dumb"\n', re.MULTILINE)
#: The compatibility levels are told by BASH_COMPAT as well, which setting one of them would make.
_shopt = re.compile(rb"^shopt -[su] (?!compat)[a-z0-9_]+$", re.MULTILINE)
_exported = re.compile(
    rb"^(?:export|declare -[A-Za-z]*x[A-Za-z]*) ([A-Za-z_][A-Za-z0-9_]*)", re.MULTILINE
)

#: The parts of a hand-over, in order.
KINDS = ("options", "folder", "umask", "functions", "aliases", "variables")
_ALWAYS = frozenset({"options", "folder", "umask", "aliases", "variables"})


@dataclass(frozen=True, slots=True)
class ShellState:
    """The state of a container's shell between two cells.

    ``script`` is evaluated before a cell is read, ``options`` in front of the cell's own text, on
    one line. Neither is for people's eyes: they hold the values of variables. ``exported`` are the
    environment variables, the others the names of what the shell has.
    """

    script: bytes
    options: str
    folder: str
    exported: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()

    def with_variable(self, name: str, value: str) -> ShellState:
        """Return the state in which a variable is exported with ``value`` as well."""
        line = f"\nexport {name}={shlex.quote(value)}".encode()
        exported = {**self.exported, name: value}
        return replace(self, script=self.script + line, exported=exported)

    def environment(self) -> dict[str, str]:
        """Return what hands the state to the driver, but for the folder."""
        # Bytes that are not UTF-8 are lost: the engine's API is JSON.
        text = self.script.decode("utf-8", "replace")
        starts = range(0, len(text), _PART_SIZE)
        found = {
            f"DEXEC_STATE_{number}": text[start : start + _PART_SIZE]
            for number, start in enumerate(starts)
        }
        return {**found, "DEXEC_OPTIONS": self.options} if self.options else found


class Session:
    """The state of one container's shell from cell to cell."""

    def __init__(self) -> None:
        #: What the next cell begins with, None for what the container has.
        self.state: ShellState | None = None
        #: The last hand-over, and the state that it made: most cells leave it as it was.
        self._handed_over: tuple[Mapping[str, bytes], ShellState] | None = None

    def take_over(self, handover: Mapping[str, bytes], *, env_names: Iterable[str]) -> str:
        """Take over the state that a cell's shell has handed over, by kind (``KINDS``).

        ``env_names`` are the variables that the container gives to every process. Returns a note
        for the user, "" for none. A hand-over that is missing or damaged changes nothing.
        """
        if not handover:
            return ""  # The shell was replaced or killed, or ended by a trap of its own.
        if self.state is not None and self._handed_over == (handover, self.state):
            return ""
        try:
            state = put_together(handover, env_names)
        except DamagedHandover:
            return "the shell's state arrived damaged, and the one before is kept"
        except HandoverTooLarge as error:
            return f"the shell's state is too large ({error}), and the one before is kept"
        self.state = state
        self._handed_over = (handover, state)
        return ""

    def set_variable(self, name: str, value: str) -> None:
        """Export a variable to the cells that follow."""
        self.state = (self.state or ShellState(b"", "", "")).with_variable(name, value)

    def reset(self) -> None:
        """Forget the state: the next cell begins as the container has it."""
        self.state = None


def put_together(said: Mapping[str, bytes], env_names: Iterable[str]) -> ShellState:
    """Return the state that a shell has handed over.

    ``said`` holds its messages by kind (``KINDS``), ``env_names`` are the variables that the
    container gives to every process. Raises :class:`DamagedHandover`, :class:`HandoverTooLarge`.
    """
    handover = whole(said)
    if not handover.keys() >= _ALWAYS:
        raise DamagedHandover
    variables = _dumb_terminal.sub(b"", handover["variables"])
    exported = {match.decode() for match in _exported.findall(variables)}
    # The container would set the unset variables again in the next cell.
    unset = [name for name in env_names if name not in exported and name.isidentifier()]
    lines = [
        b"umask " + handover["umask"].strip(),
        *_shopt.findall(handover["options"]),
        *([b"unset -v " + " ".join(unset).encode()] if unset else []),
        variables,
        handover.get("functions", b""),
        _aliases(handover["aliases"]),
    ]
    script = b"\n".join(lines)
    if len(script) > MAX_STATE_SIZE:
        raise HandoverTooLarge(len(script))
    folder = handover["folder"].decode("utf-8", "replace")
    return ShellState(
        script,
        _options(handover["options"]),
        folder,
        exported_values(variables),
        variable_names(variables),
        function_names(handover.get("functions", b"")),
        alias_names(handover["aliases"]),
    )


def _aliases(printed: bytes) -> bytes:
    """Return commands that define the aliases: bash prints such, others ``name='value'`` alone."""
    if printed.startswith(b"alias "):
        return printed
    words = shlex.split(printed.decode("utf-8", "surrogateescape"))
    script = "\n".join(f"alias {shlex.quote(word)}" for word in words)
    return script.encode("utf-8", "surrogateescape")


def _options(printed: bytes) -> str:
    """Return on one line what sets the options that differ from a new shell's."""
    chosen = {name.decode(): sign == b"-" for sign, name in _option.findall(printed)}
    differing = [
        name
        for name, is_set in chosen.items()
        if is_set != (name in _SET_BY_DEFAULT) and name not in _NEVER_CARRIED
    ]
    differing.sort(key=lambda name: (_LAST.index(name) + 1 if name in _LAST else 0, name))
    return "".join(f"set {'-' if chosen[name] else '+'}o {name};" for name in differing)
