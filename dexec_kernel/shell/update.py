"""Shell code that brings a shell from one state of the session to another. No I/O."""

from __future__ import annotations

import re
import shlex

from dexec_kernel.shell.state import ShellState

#: In bytes: a shell reads its stdin at about a megabyte a second. A larger update takes as long as
#: starting another shell.
_MAX_SIZE = 32 * 1024

#: A variable as bash prints it, and as other shells print one with an attribute.
_attributes = re.compile(rb"^(?:declare (-\S+)|(export|readonly)) ([A-Za-z_]\w*)", re.MULTILINE)


def update_between(before: ShellState | None, after: ShellState | None) -> bytes | None:
    """Return the code that brings a shell from ``before`` to ``after``, "" if they are equal.

    Return None if that is impossible: a state does not name removals, such as an unset variable or
    an array that has become a plain variable. None as a state means a shell that started without
    one.
    """
    if before == after:
        return b""
    if after is None or (before is not None and not _holds(before, after)):
        return None
    lines = [
        after.script,
        f"__dexec_options={shlex.quote(after.options)}".encode(),
        f"__dexec_folder={shlex.quote(after.folder)}".encode(),
    ]
    update = b"\n".join(lines)
    return update if len(update) <= _MAX_SIZE else None


def _holds(before: ShellState, after: ShellState) -> bool:
    """Return whether all that ``before`` has is in ``after``, which then takes its place."""
    names = before.variables <= after.variables
    others = before.functions <= after.functions and before.aliases <= after.aliases
    return names and others and _attributes_of(before).items() <= _attributes_of(after).items()


def _attributes_of(state: ShellState) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for flags, word, name in _attributes.findall(state.script):
        found[name] = found.get(name, b"") + flags + word
    return found
