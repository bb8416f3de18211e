"""What each backend can do: declared here, kept true by the contract's tests.

``docs/reference/backends.md`` is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class BackendKind(Enum):
    """The ways to a container; the values are for people."""

    DOCKER = "Docker"
    PODMAN = "Podman"
    SSH = "ssh"
    SWARM = "Swarm"
    KUBERNETES = "Kubernetes"


class Feature(Enum):
    """What one backend may have and another not; the values are for people."""

    CELLS = "cells: streams, exit code, session, standby, interrupts, input, completion"
    FOLDER_AND_VARIABLES = "an exec has a folder and variables (`-w`, `-e`)"
    USERS = "an exec has a user (`-u`)"
    PRIVILEGED = "a privileged exec (`--privileged`)"
    HALF_CLOSE = "a command gets end of file, and its output goes on"
    HOST_PID = "the PID on the engine's host is known"
    LATE_END = "the end of an exec whose connection was lost is known"
    CUTS_BACKGROUND = "the engine ends a stream that a background process holds"
    OOM_OF_EXEC = "a cell that ran out of memory is told from one that was killed"
    FILES = "`%cp`, `%show`, `%%writefile`"
    LOGS = "`%logs`"
    PROCESSES = "`%ps`"
    ATTACH = "`%attach`"
    RESTART = "“Restart container”"
    PICKER = "cards in the launcher"
    LASTING_NAME = "a name that outlives the container"
    POLICY = "an administrator's policy"


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a backend has a feature, and a note where that is not all."""

    is_there: bool
    note: str = ""

    def __str__(self) -> str:
        word = "yes" if self.is_there else "no"
        return f"{word}: {self.note}" if self.note else word


_YES, _NO = Support(is_there=True), Support(is_there=False)


def _yes(note: str) -> Support:
    return Support(is_there=True, note=note)


def _no(note: str) -> Support:
    return Support(is_there=False, note=note)


_ENGINE = dict.fromkeys(Feature, _YES) | {
    Feature.LASTING_NAME: _yes("`compose:PROJECT/SERVICE`"),
    Feature.OOM_OF_EXEC: _yes("by the engine's events"),
}

#: What each backend has of each feature.
FEATURES: Mapping[BackendKind, Mapping[Feature, Support]] = {
    BackendKind.DOCKER: _ENGINE,
    BackendKind.PODMAN: _ENGINE,
    BackendKind.SSH: _ENGINE,
    BackendKind.SWARM: _ENGINE
    | {
        Feature.PICKER: _yes("tasks on the node of `DOCKER_HOST`"),
        Feature.RESTART: _yes("the swarm starts another task"),
        Feature.LASTING_NAME: _yes("`swarm:SERVICE.SLOT`"),
    },
    BackendKind.KUBERNETES: dict.fromkeys(Feature, _YES)
    | {
        Feature.FOLDER_AND_VARIABLES: _yes("set by a shell, which the image needs"),
        Feature.USERS: _no("an exec runs as the container's own user"),
        Feature.PRIVILEGED: _no("an exec has the container's own rights"),
        Feature.HALF_CLOSE: _yes("from Kubernetes 1.31 on; before, the shell is told in the text"),
        Feature.HOST_PID: _no("the one in the container is shown"),
        Feature.LATE_END: _no("such a cell is lost"),
        Feature.CUTS_BACKGROUND: _no("the exec ends with the process"),
        Feature.OOM_OF_EXEC: _no(
            "only that of the container's main process is in the pod's status"
        ),
        Feature.FILES: _yes("by `tar` and a shell in the container"),
        Feature.PROCESSES: _yes("read from /proc in the container"),
        Feature.ATTACH: _yes("with the right `pods/attach`, and `stdin: true` for input"),
        Feature.RESTART: _no("a pod that is deleted is replaced by its owner"),
        Feature.LASTING_NAME: _yes("`kube:NS/deploy/NAME`, `kube:NS/sts/NAME`"),
    },
}


def has(backend: BackendKind, feature: Feature) -> bool:
    """Return whether a backend has a feature."""
    return FEATURES[backend][feature].is_there
