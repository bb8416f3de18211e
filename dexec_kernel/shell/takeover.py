"""The states that a session takes over: an image's own, and that of a cell's shell. No I/O.

A shell prints its state when its cell ends (``handover.sh``). Here it is cut into pieces.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from dexec_kernel.backend.models import SHELL_FUNCTION, shell_env
from dexec_kernel.shell.dump import (
    Variable,
    aliases_of,
    functions_of,
    is_name,
    is_text,
    quote,
    variables_of,
)
from dexec_kernel.shell.handover import Handover
from dexec_kernel.shell.names import (
    BUILTINS,
    LATE_VARIABLES,
    NEVER_CARRIED_FUNCTIONS,
    OPTIONS_LAST,
    OPTIONS_NEVER_CARRIED,
    OPTIONS_SET_BY_DEFAULT,
    SHOPT_NEVER_CARRIED,
    SHOPTS_SET_BY_DEFAULT,
)
from dexec_kernel.shell.printed import statements, unquote
from dexec_kernel.shell.state import ShellState

#: In bytes: all entries and arguments of a process have about 2 MiB together.
MAX_STATE_SIZE = 900_000

_option = re.compile(rb"^set ([+-])o ([a-z-]+)$", re.MULTILINE)
#: The letters of ``$-`` for the options that have one in every shell.
_LETTERS = {
    "a": "allexport",
    "b": "notify",
    "C": "noclobber",
    "e": "errexit",
    "f": "noglob",
    "m": "monitor",
    "u": "nounset",
    "v": "verbose",
    "x": "xtrace",
}
#: The variables that each process has from the engine, besides those of its container.
_OF_ENGINE = ("HOME", "HOSTNAME")
#: The traps that the driver sets itself.
_OURS = frozenset({(rb"\exit 130", b"INT"), (rb"\exit 143", b"TERM")})
#: Traps that a function does not see, unless it is traced.
_OF_FUNCTIONS = frozenset({b"ERR", b"RETURN", b"DEBUG"})
#: Traps that are set by the cell's own text: before it, they would run for commands of ours. DEBUG
#: is the last, since it would run for the others.
_IN_FRONT = (b"RETURN", b"ERR", b"DEBUG")


def initial_state(env: Mapping[str, str]) -> ShellState | None:
    """Return what a session begins with in a container whose startup variables are ``env``.

    A shell takes options, and a file to read, from its environment before the first word of a
    driver. It is started without them, and has them for the text of the cell alone. None is
    returned where there is nothing of the kind.
    """
    shield = dict.fromkeys(shell_env(env), "")
    if not shield or "noexec" in env.get("SHELLOPTS", ""):
        # A shell that executes nothing says nothing, and the cell fails for that.
        return None
    exports = [f"export {name}={shlex.quote(env[name])}" for name in shield if name == "BASH_ENV"]
    shopts = [name for name in env.get("BASHOPTS", "").split(":") if name and _is_shopt(name)]
    options = [name for name in env.get("SHELLOPTS", "").split(":") if name]
    lines = [
        *exports,
        'if [ -n "${BASH_VERSION-}" ]; then',
        " ".join(["shopt -s expand_aliases", *shopts]),
        '[ -z "${BASH_ENV-}" ] || . "$BASH_ENV" 2>&8 8>&- 9<&-',
        *_functions(env),
        _set_options(dict.fromkeys(options, True), "\\builtin "),
        "fi",
    ]
    return ShellState(late="\n".join(lines).encode(), shield=shield)


def _functions(env: Mapping[str, str]) -> list[str]:
    """Return what defines the functions that bash would take from its environment.

    They may be called as what the driver uses.
    """
    lines = []
    for variable, text in env.items():
        found = SHELL_FUNCTION.fullmatch(variable)
        is_one = text.startswith("() {") and text.endswith("}")
        if found and is_one and found[1] not in NEVER_CARRIED_FUNCTIONS:
            name = shlex.quote(found[1])
            definition = shlex.quote(f"function {found[1]} {text}")
            lines.append(f"\\eval {definition}&&\\builtin export -f -- {name}")
    return lines


def put_together(
    handover: Handover, env_names: Iterable[str], before: ShellState | None
) -> tuple[ShellState, list[str]]:
    """Return the state that a shell has handed over, and the names of what it is without.

    ``env_names`` are the variables that the container gives to every process. Raises
    :class:`~dexec_kernel.shell.handover.DamagedHandover`.
    """
    is_bash = any(kind == "functions" for kind, _ in handover.sections)
    # No alias takes the place of these words, and no function that of the builtins.
    prefix = "\\builtin " if is_bash else "\\"
    variables, dropped = variables_of(handover.one("variables"))
    exported = {
        name: value
        for name, variable in variables.items()
        if (value := variable.exported) is not None
    }
    functions: dict[str, bytes] = {}
    if is_bash:
        functions, more = functions_of(handover.one("functions"))
        dropped += more
    aliases = aliases_of(handover.one("aliases"))
    # What the cell has unset, the container would give to the next one again.
    is_exported = {name for name, variable in variables.items() if variable.is_exported}
    unset = [n for n in (*env_names, *_OF_ENGINE) if n not in is_exported and is_name(n)]
    pieces: dict[str, bytes] = {"options": b"shopt -s extglob"} if functions else {}
    if unset:
        pieces["unset"] = b"unset -v " + " ".join(unset).encode()
    late_variables = []
    for name, variable in variables.items():
        if LATE_VARIABLES.fullmatch(name):
            late_variables.append(variable.text)
        else:
            pieces[f"variable {name}"] = variable.text
    late_functions = []
    for name, text in functions.items():
        line = b"__dexec_restore " + quote(text)
        if name in BUILTINS:
            late_functions.append(line)
        else:
            pieces[f"function {name}"] = (
                line + b"||__dexec_bad=$__dexec_bad/" + quote(name.encode())
            )
    traps = _traps(handover) if is_bash else {}
    arguments = tuple(text for kind, text in handover.sections if kind == "argument")
    if is_bash and handover.one("within"):
        # A function has arguments of its own, and not all traps: those of the shell are as before.
        old = before or ShellState()
        arguments = old.arguments
        traps = {name: old.traps[name] for name in _OF_FUNCTIONS & old.traps.keys()} | traps
    # One may be named "-".
    alias = b"\\builtin alias --" if is_bash else b"\\alias"
    late = [
        b" ".join([b"set --", *map(quote, arguments)]),
        f"{prefix}umask {handover.one('umask').decode('ascii', 'replace').strip()}".encode(),
        *(b"unset -v " + name for name in (b"IFS", b"PS4") if not _is_set(name, variables)),
        *late_variables,
        *(_folders(handover) if is_bash else []),
        *late_functions,
        *([b"\\builtin unset -f __dexec_restore"] if late_functions else []),
        *([b" ".join([alias, *aliases.values()])] if aliases else []),
        *(_shopts(handover) if is_bash else []),
        *(
            b"%strap -- %s %s" % (prefix.encode(), quote(text), name)
            for name, text in traps.items()
            if name not in _IN_FRONT
        ),
        _set_options(_options(handover), prefix).encode(),
    ]
    _drop_largest(pieces, dropped)
    names = {key.partition(" ")[2] for key in pieces if key.startswith("variable ")}
    state = ShellState(
        pieces=pieces,
        late=b"\n".join(line for line in late if line),
        prelude=_prelude(traps),
        folder=handover.one("folder").removesuffix(b"\n").decode("utf-8", "replace"),
        shield=_shield(env_names, before),
        exported={name: value for name, value in exported.items() if name in variables},
        variables=frozenset(names | {n for n in variables if LATE_VARIABLES.fullmatch(n)}),
        readonly=frozenset(name for name, variable in variables.items() if variable.is_readonly),
        functions=frozenset(functions),
        aliases=frozenset(aliases),
        options=_options_set(handover),
        arguments=arguments,
        traps=traps,
    )
    return state, dropped


def _is_set(name: bytes, variables: Mapping[str, Variable]) -> bool:
    """Return whether a variable has a value; it may be exported without one."""
    found = variables.get(name.decode())
    return found is not None and name + b"=" in found.text


def _shield(env_names: Iterable[str], before: ShellState | None) -> dict[str, str]:
    """Return what the next shells begin with: what a container gives wrongly is said once."""
    names = {name for name in env_names if name == "LC_ALL" or name.startswith("LC_")}
    return {**(before.shield if before else {}), **dict.fromkeys(names, "")}


def _traps(handover: Handover) -> dict[bytes, bytes]:
    """Return the texts of the user's traps, by signal."""
    found: dict[bytes, bytes] = {}
    for statement in statements(handover.one("traps")):
        words = statement.words
        if len(words) != 4 or words[0] != b"trap":  # noqa: PLR2004 -- trap -- TEXT SIGNAL
            continue
        signal = words[3].removeprefix(b"SIG")
        text = unquote(words[2])
        if signal == b"EXIT" or words[2] == b"-" or (text, signal) in _OURS or not is_text(text):
            continue
        found[signal] = text
    return found


def _prelude(traps: Mapping[bytes, bytes]) -> str:
    """Return what sets traps in front of a cell, on its first line; no trace shows it."""
    found = [
        f"\\builtin trap -- {_on_one_line(traps[name].decode())} {name.decode()};"
        for name in _IN_FRONT
        if name in traps
    ]
    return f"{{ {''.join(found)}}} 2>/dev/null;" if found else ""


def _on_one_line(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"$'{escaped}'" if "\n" in text else shlex.quote(text)


def _folders(handover: Handover) -> list[bytes]:
    """Return what makes the stack of ``pushd`` below the current folder."""
    folders = handover.one("folders").split(b"\n")[1:-1]
    return [
        b"\\builtin pushd -n -- " + quote(folder) + b" >/dev/null"
        for folder in reversed(folders)
        if is_text(folder)
    ]


def _shopts(handover: Handover) -> list[bytes]:
    """Return what sets bash's own options as they were."""
    _, _, is_on = _was(handover)
    lines = []
    for letter, names in (
        ("s", is_on - SHOPTS_SET_BY_DEFAULT),
        # The driver sets it for the session's functions.
        ("u", (SHOPTS_SET_BY_DEFAULT | {"extglob"}) - is_on),
    ):
        chosen = sorted(name for name in names if _is_shopt(name))
        if chosen:
            lines.append(f"\\builtin shopt -{letter} {' '.join(chosen)}".encode())
    return lines


def _is_shopt(name: str) -> bool:
    # The compatibility levels are told by BASH_COMPAT as well, which setting one would make.
    return name not in SHOPT_NEVER_CARRIED and not name.startswith("compat")


def _options(handover: Handover) -> dict[str, bool]:
    """Return the options, as they were before the hand-over changed some."""
    flags, names, _ = _was(handover)
    if names:  # Bash
        return {name: name in names for name in names | OPTIONS_SET_BY_DEFAULT}
    # Shells agree on the letters; the names of some are the other way round in yash.
    found = {name: True for letter, name in _LETTERS.items() if letter in flags}
    printed = _option.findall(handover.one("options"))
    named = {name.decode(): sign == b"-" for sign, name in printed}
    return found | {name: is_set for name, is_set in named.items() if name == "pipefail"}


def _options_set(handover: Handover) -> frozenset[str]:
    _, _, shopts = _was(handover)
    return frozenset({name for name, is_set in _options(handover).items() if is_set} | shopts)


def _was(handover: Handover) -> tuple[str, set[str], set[str]]:
    """Return ``$-``, and the names in SHELLOPTS and in BASHOPTS, before the hand-over set some."""
    _, _, said = handover.one("shell").decode("ascii", "replace").partition(":")
    flags, _, names = said.partition(":")
    options, _, shopts = names.partition("::")
    return flags, set(options.split(":")) - {""}, set(shopts.split(":")) - {""}


def _set_options(options: Mapping[str, bool], prefix: str = "") -> str:
    """Return one command that sets the options that differ from a new shell's."""
    differing = [
        name
        for name, is_set in options.items()
        if is_set != (name in OPTIONS_SET_BY_DEFAULT) and name not in OPTIONS_NEVER_CARRIED
    ]
    differing.sort(key=lambda name: (name in OPTIONS_LAST, name))
    words = " ".join(f"{'-' if options[name] else '+'}o {name}" for name in differing)
    return f"{prefix}set {words}" if words else ""


def _drop_largest(pieces: dict[str, bytes], dropped: list[str]) -> None:
    """Drop pieces until the rest fits; name them."""
    size = sum(map(len, pieces.values()))
    if size <= MAX_STATE_SIZE:
        return
    for key in sorted(pieces, key=lambda key: -len(pieces[key])):
        if size <= MAX_STATE_SIZE:
            break
        size -= len(pieces[key])
        dropped.append(f"the {key}, which has {len(pieces[key]):,} bytes")
        del pieces[key]
