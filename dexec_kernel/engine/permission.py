"""What to do about an engine's socket that this user may not use."""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path

#: Docker's group, where the file itself does not say which one may use it.
_USUAL_GROUP = "docker"


def permission_fix(path: str) -> str:
    """Return the command that lets this user use the engine's socket, or another engine."""
    group = _group_that_may(Path(path))
    if not group:
        return (
            "The socket is for root alone. Use an engine of your own:"
            " systemctl --user start podman.socket"
        )
    return (
        f'sudo usermod -aG {group} "$USER"  # then log in again, or in this shell: newgrp {group}'
    )


def _group_that_may(path: Path) -> str:
    """Return the group that may use a socket that is denied to us; "" for none but root's."""
    info = _nearest(path)
    if info is None:
        return _USUAL_GROUP
    try:
        group = grp.getgrgid(info.st_gid).gr_name
    except KeyError:  # It has no name here.
        return _USUAL_GROUP
    needed = stat.S_IXGRP if stat.S_ISDIR(info.st_mode) else stat.S_IWGRP
    return group if group != "root" and info.st_mode & needed else ""


def _nearest(path: Path) -> os.stat_result | None:
    """Look at the socket, or at the folder that bars the way to it; None where neither is."""
    for place in (path, *path.parents):
        try:
            return place.stat()
        except PermissionError:
            continue
        except OSError:
            return None
    return None
