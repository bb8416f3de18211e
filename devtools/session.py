"""The common part of demo and lab: an engine, containers with our names, and their removal."""

import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

from devtools import LABEL, api, containers, images, processes
from devtools.engine import EngineStartError, PrivateEngine, find_running, reap
from devtools.packages import PackagesError
from dexec_kernel.engine.endpoint import find_endpoint, probe
from dexec_kernel.engine.permission import permission_fix
from dexec_kernel.errors import DexecError

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

_OWNER = f"{LABEL}.owner"
_INTERRUPTED = 128 + signal.SIGINT


class NotReadyError(Exception):
    """Demo and lab cannot start; the message says how they could. It is "" if that was printed."""


def ended(main: Callable[[], int]) -> int:
    """Run a program's main function; return the exit code, also for the errors of a session.

    An error that the user can cause ends in its message, never in a traceback.
    """
    try:
        return main()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except NotReadyError as error:
        message = str(error)
    except api.ApiError as error:
        message = f"the engine refuses: {error.message} (status {error.status})"
    except (EngineStartError, PackagesError, OSError, HTTPException) as error:
        message = f"{type(error).__name__}: {error}"
    if message:
        print(message, file=sys.stderr)
    return 1


@contextmanager
def engine() -> Iterator[str]:
    """Yield the URL of an engine: a running one, or a private one, which is stopped here.

    Raises NotReadyError when there is none and none can be started, and EngineStartError when a
    private one does not start.
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
    if os.geteuid() != 0:
        raise NotReadyError(f"{_hint()}\nA private engine needs root.")
    needed = subprocess.run(
        [ROOT / "devtools/system.sh", "need", "engine"], check=False, stdin=subprocess.DEVNULL
    )
    if needed.returncode:
        raise NotReadyError  # The script has said why.
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


def _hint() -> str:
    """Return why no engine can be used, and what to do about it."""
    try:
        endpoint = find_endpoint()
    except DexecError as error:
        return str(error)
    fault = probe(endpoint) if endpoint.is_unix else ""
    advice = permission_fix(endpoint.path) if "permission" in fault else endpoint.advice
    return f"No engine answers at {endpoint.url}{f': {fault}' if fault else ''}.\n{advice}"


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
