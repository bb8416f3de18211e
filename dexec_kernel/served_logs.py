"""The logs of kernels, as the Jupyter server extension serves them: their folder, names and URLs.

The extension tells the kernels of its server, by two variables of the environment, where it serves
logs and from which folder. A kernel that does not have them, or whose logs are elsewhere, has a
server without the extension, or none, and shows no link.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from urllib.parse import quote

#: The folder with the folders of all kernels, in Jupyter's runtime folder.
PARENT = "dexec"
#: How the folder of a kernel's logs begins, which ends with the kernel, and which is kept.
TEMPORARY, KEPT = "kernel-", "kept-"
#: The two parts of a log's URL, as regular expressions: its folder and its name.
FOLDER_PATTERN, NAME_PATTERN = rf"(?:{TEMPORARY}|{KEPT})\d+-[a-z0-9_]+", r"cell-\d{4,}\.log"
#: The variables: the URL's path below which logs are served, and the folder they are in.
URL_VARIABLE, FOLDER_VARIABLE = "DEXEC_SERVER_LOG_URL", "DEXEC_SERVER_LOG_FOLDER"

_folder = re.compile(FOLDER_PATTERN, re.ASCII)
_name = re.compile(NAME_PATTERN, re.ASCII)


def log_name(number: int) -> str:
    """Return the file name of a kernel's log."""
    return f"cell-{number:04d}.log"


def announce(environment: MutableMapping[str, str], url: str, parent: Path) -> None:
    """Tell the kernels that get ``environment`` that the logs in ``parent`` are served."""
    environment[URL_VARIABLE], environment[FOLDER_VARIABLE] = url, str(parent)


def url_of(log: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the URL of a log, without host; None where nobody is known to serve it."""
    url, parent = environment.get(URL_VARIABLE, ""), environment.get(FOLDER_VARIABLE, "")
    if log is None or not url.startswith("/") or not parent:
        return None
    path = Path(log)
    if str(path.parent.parent) != parent or not _is_log(path.parent.name, path.name):
        return None
    return f"{url.rstrip('/')}/{quote(path.parent.name)}/{quote(path.name)}"


def open_log(parent: Path, folder: str, name: str) -> int:
    """Open a log for reading; return its descriptor.

    Only a regular file of this user, in a folder that a kernel of this user has made: no link is
    followed below ``parent``. Raises :class:`OSError`.
    """
    if not _is_log(folder, name):
        raise FileNotFoundError(f"{folder}/{name} is not the name of a log")
    step = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    opened: list[int] = []
    try:
        opened.append(os.open(parent, step | os.O_DIRECTORY))
        opened.append(os.open(folder, step | os.O_DIRECTORY, dir_fd=opened[-1]))
        # A pipe in place of the file is not waited for.
        opened.append(os.open(name, step | os.O_NONBLOCK, dir_fd=opened[-1]))
        states = [os.fstat(descriptor) for descriptor in opened]
        is_ours = all(state.st_uid == os.geteuid() for state in states)
        if not (is_ours and stat.S_ISREG(states[-1].st_mode) and states[-1].st_nlink == 1):
            raise PermissionError(f"{folder}/{name} is not a log of this user")
        return opened.pop()
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _is_log(folder: str, name: str) -> bool:
    return bool(_folder.fullmatch(folder) and _name.fullmatch(name))
