"""What a shell that has one state of the session evaluates to have another. No I/O."""

from __future__ import annotations

import re

from dexec_kernel.shell.state import ShellState

#: In bytes: a shell reads its stdin at about a megabyte a second. What is larger costs as much as
#: to start another shell.
_MAX_SIZE = 32 * 1024

_attributes = re.compile(rb"^(?:declare (-\S+)|(export|readonly)) ", re.MULTILINE)


def update_between(before: ShellState | None, after: ShellState | None) -> bytes | None:
    """Return what brings a shell from ``before`` to ``after``: nothing where they are the same.

    None is returned where it cannot be done: a state says what there is, and not what must go, such
    as a variable that was unset, or one that is no array any more. None as a state is that of a
    shell that has begun with nothing.
    """
    if before == after:
        return b""
    if after is None or not _holds(before or ShellState(), after):
        return None
    old = before.pieces if before else {}
    settings: dict[str, bytes | str] = {
        "late": after.late,
        "folder": after.folder,
        "prelude": after.prelude,
    }
    lines = [
        *(piece for key, piece in after.pieces.items() if old.get(key) != piece),
        *(f"__dexec_{name}=".encode() + _quoted(value) for name, value in settings.items()),
    ]
    update = b"\n".join(lines)
    return update if len(update) <= _MAX_SIZE else None


def _quoted(value: bytes | str) -> bytes:
    text = value.encode() if isinstance(value, str) else value
    return b"'" + text.replace(b"'", b"'\\''") + b"'"


def _holds(before: ShellState, after: ShellState) -> bool:
    """Return whether all that ``before`` has is in ``after``, which then takes its place."""
    if not before.pieces.keys() <= after.pieces.keys() | {"unset"}:
        return False
    return before.shield == after.shield and all(
        _attributes.findall(piece) == _attributes.findall(after.pieces[key])
        for key, piece in before.pieces.items()
        if key.startswith("variable ")
    )
