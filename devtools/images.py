"""Images for tests and demo, imported through the engine's HTTP API; no registry is asked."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from devtools import LABEL, api, rootfs

BUSYBOX = "dexec-demo/busybox:1"
DEBIAN = "dexec-demo/debian:1"
NOSHELL = "dexec-demo/noshell:1"

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Recipe:
    """An image: the archive of its files, its environment; its command never ends."""

    kind: str
    make: Callable[[Path], None]
    env: tuple[str, ...]
    command = ("sleep", "2147483647")

    @property
    def changes(self) -> tuple[str, ...]:
        """Return the image's configuration as instructions of a Dockerfile."""
        return (*(f"ENV {entry}" for entry in self.env), f"CMD {json.dumps(self.command)}")


_RECIPES = {
    BUSYBOX: Recipe("busybox", rootfs.busybox, (_PATH,)),
    DEBIAN: Recipe("debian", rootfs.debian, (_PATH, "LANG=C.UTF-8")),
    NOSHELL: Recipe("noshell", rootfs.noshell, ("PATH=/bin",)),
}


def recipe(name: str) -> Recipe:
    """Return the recipe of BUSYBOX, DEBIAN or NOSHELL. Raises KeyError."""
    return _RECIPES[name]


def ensure_image(host: str, name: str) -> str:
    """Make the image unless the engine has it already; return its name.

    `name` is BUSYBOX, DEBIAN or NOSHELL (KeyError otherwise). Raises packages.PackagesError when
    its files cannot be had, and api.ApiError when the engine refuses.
    """
    found = recipe(name)
    if not has_image(host, name):
        import_image(host, name, rootfs.cached(found.kind, found.make), found.changes)
    return name


def has_image(host: str, name: str) -> bool:
    """Tell whether the engine has an image of that name. Raises api.ApiError."""
    try:
        api.call(host, "GET", f"/images/{quote(name)}/json")
    except api.ApiError as error:
        if error.status == 404:  # noqa: PLR2004
            return False
        raise
    return True


def import_image(host: str, name: str, archive: Path, changes: tuple[str, ...]) -> None:
    """Make an image of a tar archive, with Dockerfile instructions and our label.

    Raises api.ApiError.
    """
    # Podman 4.3 ignores the parameter `tag`; Docker takes it from `repo` as well.
    query = [("fromSrc", "-"), ("repo", name), ("tag", name.rpartition(":")[2])]
    query += [("changes", change) for change in (*changes, f"LABEL {LABEL}=1")]
    with archive.open("rb") as upload:
        answer = api.call(host, "POST", "/images/create", query=query, upload=upload, timeout=120)
    # An error after the first byte of the answer comes as a line of it.
    for line in answer.splitlines():
        if "error" in (report := json.loads(line)):
            raise api.ApiError(200, report["error"])
