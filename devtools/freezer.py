"""Pause a container. Docker 20.10 deadlocks one that is paused while an exec of it starts."""

import itertools
import os
import signal
from contextlib import suppress
from pathlib import Path

from devtools import containers, processes
from devtools.waiting import until

#: How often no exec is seen to start before none does.
_QUIET_LOOKS = 3
#: In seconds, between two looks.
_PAUSE = 0.05


def settle(host: str, container_id: str) -> None:
    """Wait until no exec of a container is being started. Raises TimeoutError after two minutes."""
    # The engine starts one exec after the other: those before this one have started.
    containers.run(host, container_id, ["true"])
    quiet = itertools.count()
    until(
        lambda: not _is_starting(container_id) and next(quiet) >= _QUIET_LOOKS,
        "a moment in which no exec is started",
        pause=_PAUSE,
    )


def _is_starting(container_id: str) -> bool:
    """Tell whether a runc is at work for the container, as one is until an exec has started."""
    for pid in processes.pids():
        process = processes.find(pid)
        if process is None or not process.name.startswith("runc"):
            continue
        if container_id in process.command + processes.cgroups(pid):
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
