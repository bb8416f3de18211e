"""The common part of demo and lab: an engine, containers with our names, and their removal."""

import itertools
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from devtools import LABEL, api, containers, images, processes
from devtools.engine import PrivateEngine, find_running, reap

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

_OWNER = f"{LABEL}.owner"


@contextmanager
def engine() -> Iterator[str]:
    """Yield the URL of an engine: a running one, or a private one, which is stopped here.

    Raises CalledProcessError when the engine's packages cannot be installed, and
    EngineStartError when it does not start.
    """
    reap()
    running = find_running()
    wanted = os.environ.get("DOCKER_HOST")
    if wanted and running != wanted:
        print(f"engine: {wanted} (from DOCKER_HOST) does not answer")
    if running is not None:
        print(f"engine: {running} (running already)")
        yield running
        return
    subprocess.run(
        [ROOT / "devtools/system.sh", "need", "engine"], check=True, stdin=subprocess.DEVNULL
    )
    with PrivateEngine() as private:
        print(f"engine: {private.host} (private, PID {private.pid})")
        yield private.host


@contextmanager
def container(host: str, image: str, name: str) -> Iterator[str]:
    """Yield the name of a running container of the image, which is removed here.

    A container of that name from a killed session is removed first. If the name belongs to somebody
    else, ours gets a number. Raises api.ApiError, and the errors of images.ensure_image.
    """
    images.ensure_image(host, image)
    with ExitStack() as stack:
        for candidate in itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2))):
            if _take(host, image, candidate):
                stack.callback(containers.remove_container, host, candidate)
                containers.start(host, candidate)
                print(f"container: {candidate} ({image})")
                yield candidate
                return


def _take(host: str, image: str, name: str) -> bool:
    """Create the container, unless its name is in use."""
    try:
        taken = containers.inspect(host, name)
    except api.ApiError as error:
        if error.status != 404:  # noqa: PLR2004
            raise
    else:
        if not _is_left_over(taken):
            return False
        containers.remove_container(host, taken["Id"])
    try:
        containers.create_container(host, image, name, labels={_OWNER: _me()})
    except api.ApiError as error:
        # Another session may have been quicker (Podman says 500).
        if name in containers.names(host) and error.status in {409, 500}:
            return False
        raise
    return True


def _me() -> str:
    me = processes.find(os.getpid())
    return f"{socket.gethostname()} {os.getpid()} {me.started if me else 0}"


def _is_left_over(found: dict[str, Any]) -> bool:
    """Tell whether a session on this machine made the container, and is gone."""
    labels = found["Config"].get("Labels") or {}
    if labels.get(LABEL) != "1" or _OWNER not in labels:
        return False
    machine, pid, started = labels[_OWNER].split()
    if machine != socket.gethostname():
        return False
    owner = processes.find(int(pid))
    return owner is None or owner.zombie or owner.started != int(started)
