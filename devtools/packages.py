"""Debian's packages, found and downloaded by apt; nothing is installed."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

_UNWANTED = frozenset(
    # For their maintainer scripts, which are not run here, or for parts of Python left aside.
    {"dpkg", "debianutils", "perl", "perl-base", "install-info", "awk", "mime-support"}
    | {"mailcap", "media-types", "readline-common", "libtirpc-common", "gcc-12-base"}
    | {"libgssapi-krb5-2", "gawk", "original-awk", "libdb5.3", "debconf"}
)


class PackagesError(Exception):
    """Packages cannot be had here; the message names the missing ones."""


def dependencies(seeds: Sequence[str]) -> list[str]:
    """Return the packages and their dependencies, without the unwanted ones.

    Raises PackagesError where apt is missing or fails.
    """
    command = ["apt-cache", "depends", "--recurse", "--important", *seeds]
    needs: dict[str, list[str]] = {}
    current: list[str] = []
    alternative = False
    for line in _apt(command).splitlines():
        kind, _, name = line.strip().partition(": ")
        if not line.startswith((" ", "|")):
            current = needs.setdefault(line.strip(), [])
            alternative = False
        elif kind.lstrip("|") in {"Depends", "PreDepends"}:
            # Of `A | B` the first will do.
            if not alternative and not name.startswith("<"):
                current.append(name)
            alternative = kind.startswith("|")
    wanted: list[str] = []
    queue = list(seeds)
    while queue:
        package = queue.pop(0).partition(":")[0]
        if package not in wanted and package not in _UNWANTED:
            wanted.append(package)
            queue += needs.get(package, [])
    return wanted


def download(packages: Sequence[str], directory: Path) -> list[Path]:
    """Download packages into `directory` and return their files.

    Raises PackagesError where apt is missing or fails.
    """
    _apt(["apt-get", "download", "-qq", *packages], directory)
    return sorted(directory.glob("*.deb"))


def _apt(command: list[str], directory: Path | None = None) -> str:
    if shutil.which(command[0]) is None:
        raise PackagesError(f"{command[0]}: not found; these images need Debian or Ubuntu")
    try:
        return output(command, directory)
    except PackagesError:
        if os.getuid() != 0:
            raise
    # A fresh machine knows no packages, and an old list names files that are gone.
    output(["apt-get", "update", "-qq"])
    return output(command, directory)


def output(command: list[str], directory: Path | None = None) -> str:
    """Run a command and return its output. Raises PackagesError when it fails."""
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PackagesError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout
