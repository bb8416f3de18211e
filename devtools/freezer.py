"""Pause a container. Docker 20.10 deadlocks one that is paused while an exec of it starts."""

import itertools
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from devtools import containers, processes

#: How often no exec is seen to start before none does.
_QUIET_LOOKS = 3
#: In seconds, between two looks.
_PAUSE = 0.05
#: In seconds: nothing on a slow and busy machine takes as long.
_GUARD = 120.0


def settle(host: str, container_id: str) -> None:
    """Wait until no exec of a container is being started. Raises TimeoutError after two minutes."""
    # The engine starts one exec after the other: those before this one have started.
    containers.run(host, container_id, ["true"])
    deadline, quiet = time.monotonic() + _GUARD, itertools.count()
    while _is_starting(container_id) or next(quiet) < _QUIET_LOOKS:
        if time.monotonic() > deadline:
            raise TimeoutError("execs are started again and again")
        time.sleep(_PAUSE)


def _is_starting(container_id: str) -> bool:
    """Tell whether a runc is at work for the container, as one is until an exec has started."""
    for path in Path("/proc").glob("[0-9]*"):
        process = processes.find(int(path.name))
        if process is None or not process.name.startswith("runc"):
            continue
        with suppress(OSError):
            if container_id in process.command + (path / "cgroup").read_text():
                return True
    return False


def unpause(host: str, container_id: str) -> None:
    """Let a container go on.

    Raises TimeoutError where Docker has deadlocked it. Its processes are ended then, so that the
    engine answers again; the container is lost.
    """
    try:
        containers.unpause(host, container_id)
    except TimeoutError:
        for state in Path("/sys/fs/cgroup/freezer/docker", container_id).glob("freezer.state"):
            state.write_text("THAWED")
            for pid in (state.parent / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        raise
