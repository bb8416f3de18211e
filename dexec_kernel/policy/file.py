"""The policy's file: where it is, and whether the kernel's user could change it.

Its path is fixed. The variables and folders that Jupyter has its configuration from belong to the
user of the kernel, who could name another file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dexec_kernel.errors import PolicyUnusable
from dexec_kernel.policy.rules import Policy

PATH = Path("/etc/dexec-kernel/policy.toml")


def find_policy() -> Policy:
    """Return the policy of this machine, or one that limits nothing where there is no file.

    Raises :class:`PolicyUnusable` for a file that cannot be read, that says something which no
    policy can say, or that the user of this process could change.
    """
    path = PATH
    try:
        if not _exists(path):
            return Policy()
        if not stat.S_ISREG(path.stat().st_mode):
            raise PolicyUnusable.of(str(path), ["it is not a file"])
        if why := why_changeable(path):
            raise PolicyUnusable.of(
                str(path),
                [f"{why}, so that it binds nobody"],
                advice="Give it to root, and its folder too: chown root FILE; chmod go-w FILE",
            )
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise PolicyUnusable.of(str(path), [f"it cannot be read ({reason})"]) from error
    from dexec_kernel.policy.parse import parse_policy  # noqa: PLC0415 -- most machines have none

    return parse_policy(content, str(path))


def _exists(path: Path) -> bool:
    """Return whether there is a file. A link that leads nowhere is one. Raises OSError."""
    for place in (path.parent, path):
        try:
            place.lstat()
        except FileNotFoundError:
            return False
        place.stat()
    return True


def why_changeable(path: Path) -> str:
    """Return why the user of this process could change the file, or "" if not. Raises OSError.

    Whoever may write a folder above it may put another file in its place.
    """
    real = path.resolve()
    for place in dict.fromkeys((path, *path.parents, real, *real.parents)):
        if why := _why(place, place.stat()):
            return f"{place} {why}"
    return ""


def _why(place: Path, status: os.stat_result) -> str:
    user = os.geteuid()
    if status.st_uid != 0 and user in {0, status.st_uid}:
        return f"belongs to the user {status.st_uid}"
    # In a folder like /tmp nobody renames the files of others.
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return ""
    if status.st_mode & stat.S_IWOTH:
        return "may be written by anybody"
    if user == 0:
        is_shared = status.st_mode & stat.S_IWGRP and status.st_gid != 0
        return f"may be written by the group {status.st_gid}" if is_shared else ""
    effective = os.access in os.supports_effective_ids
    if os.access(place, os.W_OK, effective_ids=effective):
        return f"may be written by the user {user}"
    return ""
