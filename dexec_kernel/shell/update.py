"""What a shell that has one state of the session evaluates to have another. No I/O."""

from __future__ import annotations

import re
import shlex

from dexec_kernel.shell.state import ShellState

#: In bytes: a shell reads its stdin at about a megabyte a second. What is larger costs as much as
#: to start another shell.
_MAX_SIZE = 32 * 1024

#: How bash prints a variable, and other shells one that has an attribute.
_attributes = re.compile(rb"^(?:declare (-\S+)|(export|readonly)) ([A-Za-z_]\w*)", re.MULTILINE)


def update_between(before: ShellState | None, after: ShellState | None) -> bytes | None:
    """Return what brings a shell from ``before`` to ``after``: nothing where they are the same.

    None is returned where it cannot be done: a state says what there is, and not what must go, such
    as a variable that was unset, or one that is no array any more. None as a state is that of a
    shell that has begun with nothing.
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
