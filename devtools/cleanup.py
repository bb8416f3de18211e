"""Remove the remains of an engine: processes, mounts, control groups, its directory."""

import errno
import shutil
import signal
import subprocess
import time
from pathlib import Path

from devtools import processes

_ROUNDS = 5


def clear(directory: Path) -> None:
    """End the processes of the engine in `directory`, then remove the directory.

    Raises RuntimeError when a process survives SIGKILL, and OSError or CalledProcessError when
    a mount, a control group or the directory cannot be removed.
    """
    daemons = [p for p in processes.of_engine(directory) if _is_daemon(p)]
    processes.end(daemons, signal.SIGTERM, 30)
    groups = _cgroups(directory)
    _thaw(groups)
    # Podman's monitors start a clean-up when their container ends: hence more than one round.
    # The children of a killed shim become children of PID 1; the round before remembers them.
    left: list[processes.Process] = []
    for _ in range(_ROUNDS):
        left = processes.end([*left, *processes.of_engine(directory)], signal.SIGKILL, 30)
        if not left and not processes.of_engine(directory):
            break
    else:
        raise RuntimeError(f"these processes of {directory} do not end: {left}")
    _unmount_below(directory)
    for group in groups:
        _remove_cgroup(group)
    shutil.rmtree(directory)


def _is_daemon(process: processes.Process) -> bool:
    return Path(process.arguments[0]).name in {"dockerd", "podman", "containerd"}


def _unmount_below(directory: Path) -> None:
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    # Nothing in the directory's own name is escaped by mountinfo; the paths below need decoding.
    points = [line.split()[4].encode().decode("unicode_escape") for line in mounts]
    below = [point for point in points if point.startswith(f"{directory}/")]
    for point in reversed(below):  # the latest first, as they are stacked
        subprocess.run(["umount", point], check=True, stdin=subprocess.DEVNULL)


def _cgroups(directory: Path) -> list[Path]:
    """Return the control groups of containers that outlived their engine."""
    names = [f"docker/{path.name}" for path in directory.glob("root/containers/*")]
    found = directory.glob("state/io.containerd.runtime.v2.task/k8s.io/*")
    names += [f"k8s.io/{path.name}" for path in found]
    found = directory.glob("root/overlay-containers/*")
    names += [f"libpod_parent/libpod-{path.name}" for path in found]
    # One tree in cgroup v2, one for each controller in v1.
    patterns = [pattern for name in names for pattern in (name, f"*/{name}")]
    return [group for pattern in patterns for group in Path("/sys/fs/cgroup").glob(pattern)]


def _thaw(groups: list[Path]) -> None:
    """Let paused containers go on: in cgroup v1 they do not even die before."""
    for group in groups:
        state = group / "freezer.state"
        if state.exists():
            state.write_text("THAWED")


def _remove_cgroup(group: Path, timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while group.exists():
        try:
            group.rmdir()
        except OSError as error:
            # The kernel lets go of the last process a moment after its end.
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
