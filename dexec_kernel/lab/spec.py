"""A lab as ``lab.toml`` describes it. Sizes are in bytes, times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from dexec_kernel.backend.lifecycle import HealthConfig


class Where(Enum):
    """Where a check runs; the values are the file's."""

    #: In a new container of the pristine image, with the task's files copied into it.
    FRESH = "fresh"
    #: In the student's container, as root.
    INSIDE = "inside"
    #: In a new container on the lab's network.
    BESIDE = "beside"


class Capabilities(Enum):
    """What root may do in a lab's containers; the values are the file's."""

    LINUX = "linux"
    NETWORK = "network"
    NONE = "none"
    DOCKER = "docker"


class AtIdle(Enum):
    """What becomes of a lab's containers when no cell comes; the values are the file's."""

    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a lab. None, "" and () stand for what the image or the engine has.

    ``volumes`` are ``NAME:/path`` and ``./folder:/path``, each with ``:ro`` or without.
    Environment values never show in the ``repr``.
    """

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    mem_limit: int | None = None
    cpus: float | None = None
    pids_limit: int | None = None
    network_mode: str = "none"
    read_only: bool = False
    tmpfs: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    volumes: tuple[str, ...] = ()
    healthcheck: HealthConfig | None = None
    depends_on: tuple[str, ...] = ()

    @property
    def is_root(self) -> bool:
        """Whether its processes may be root's, as far as its description tells."""
        return is_root(self.user)


def is_root(user: str) -> bool:
    """Return whether a user, with a group or without, is root; "" is."""
    return user.partition(":")[0] in {"", "0", "root"}


@dataclass(frozen=True, slots=True)
class Task:
    """One task. ``files`` are absolute paths in the student's container, for a fresh check.

    ``timeout`` ends the check; ``after`` names tasks that come first; ``hints_after`` is the number
    of failures from which on a hint is offered.
    """

    name: str
    title: str = ""
    points: float = 1
    files: tuple[str, ...] = ()
    where: Where = Where.FRESH
    timeout: float = 15
    after: tuple[str, ...] = ()
    hints_after: int = 3


@dataclass(frozen=True, slots=True)
class Lab:
    """A whole lab. Cells run in the first of the ``containers``.

    ``time`` is how long a student has, ``idle`` after how long without a cell the containers rest
    as ``at_idle`` says; None for no limit. With ``keep`` the containers outlive the server.
    """

    title: str = ""
    containers: tuple[Container, ...] = ()
    time: float | None = None
    idle: float | None = None
    at_idle: AtIdle = AtIdle.PAUSE
    capabilities: Capabilities = Capabilities.LINUX
    keep: bool = False
    tasks: tuple[Task, ...] = ()

    @property
    def points(self) -> float:
        """The points of all tasks together."""
        return sum(task.points for task in self.tasks)
