"""The owner of a new file in a container: the user in the container's configuration.

The engine's own option for that (``copyUIDGID``) does not understand ``USER 12:34``.
"""

from __future__ import annotations

from dexec_kernel.backend.protocol import Files
from dexec_kernel.errors import CopyError, PathNotFound, UsageError
from dexec_kernel.files.content import read_file

_LIMIT = 1024 * 1024
_DIGITS = 10


async def owner_of(files: Files, container: str, user: str) -> tuple[int, int]:
    """Return uid and gid of ``user``, as in ``USER name|uid[:group|gid]``; 0 for unknown names.

    Reads the container's ``/etc/passwd`` and ``/etc/group``. Raises the engine's errors.
    """
    name, _, group = user.partition(":")
    uid, gid = 0, 0
    if _is_number(name) and _is_number(group):
        return int(name), int(group)
    for entry in await _entries(files, container, "/etc/passwd"):
        if name and name in {entry[0], entry[2]}:
            uid, gid = _number(entry[2]), _number(entry[3])
            break
    else:
        uid = _number(name)
    if group:
        gid = _number(group)
        for entry in await _entries(files, container, "/etc/group"):
            if entry[0] == group:
                gid = _number(entry[2])
                break
    return uid, gid


async def _entries(files: Files, container: str, path: str) -> list[list[str]]:
    try:
        content = await read_file(files, container, path, limit=_LIMIT)
    except (PathNotFound, UsageError, CopyError):
        return []  # An image need not have one.
    lines = content.data.decode("utf-8", "replace").splitlines()
    return [[*line.split(":"), "", "", "", ""] for line in lines]


def _number(text: str) -> int:
    return int(text) if _is_number(text) else 0


def _is_number(text: str) -> bool:
    """Return whether it is one that a system may have: a file may say anything."""
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS
