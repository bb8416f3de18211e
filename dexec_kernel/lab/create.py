"""A lab's container -> the configuration that an engine makes it by.

No I/O, but for the links in the lab's own folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from dexec_kernel.backend.images import ImageInspect
from dexec_kernel.backend.lifecycle import CreateConfig
from dexec_kernel.backend.models import LAB_LABEL, USER_LABEL
from dexec_kernel.errors import LabUnusable
from dexec_kernel.lab.spec import Capabilities, Container, Lab, is_root
from dexec_kernel.lab.values import SECRETS

#: The labels of a lab's containers besides ``LAB_LABEL``: its owner, and its name in the lab.
OWNER_LABEL, CONTAINER_LABEL = "dexec.lab.owner", "dexec.lab.container"
#: Ends the owner in the labels of checkers: the lab's cells reach the containers of the owner.
CHECKER = ".check"
#: What the names of all volumes of labs begin with: a token of the owner's comes after it.
VOLUMES = "dexec-lab-"
#: Those that cells run in have this label, and no checker has it.
CELLS_LABEL = "dexec.lab.cells"
#: That of a container without a leash.
UNHELD_LABEL = "dexec.lab.unheld"

#: What root needs to administer users, files and processes.
_LINUX = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")
_NETWORK = (*_LINUX, "NET_ADMIN", "NET_BIND_SERVICE", "NET_RAW")
_CAPABILITIES = {
    Capabilities.NONE: (),
    Capabilities.LINUX: _LINUX,
    Capabilities.NETWORK: _NETWORK,
}
#: Programs that do nothing without somebody at their stdin.
_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "fish", "ksh", "sh", "zsh"})

#: The arguments of ``tail`` in images that only wait.
_FOREVER = ("-f", "/dev/null")

#: The main process: it ends when its stdin does. Any other process of the container is its child
#: sooner or later, and ``wait`` takes them in as they end, which ``read`` would not do. A ``cat``
#: that was killed (``kill -9 -1``) is started again.
LEASH = """\
exec 3<&0 </dev/null
main=
if [ $# -gt 0 ]; then "$@" 3<&- & main=$!; fi
if command -v cat >/dev/null
then
  while :; do cat <&3 >/dev/null & wait $!; [ $? -gt 128 ] || break; done
else
  read _ <&3
fi
if [ -n "$main" ]; then { sleep 2; kill -9 $main; } & kill $main && wait $main; fi
"""


def labels_of(lab_name: str, owner: str, container: str = "") -> dict[str, str]:
    """Return the labels of what belongs to an owner of a lab: a container, or a network."""
    labels = {LAB_LABEL: lab_name, OWNER_LABEL: owner}
    return {**labels, CONTAINER_LABEL: container} if container else labels


def has_leash(labels: Mapping[str, str]) -> bool:
    """Return whether a container was made with a leash. Podman does not tell of ``StdinOnce``."""
    return UNHELD_LABEL not in labels


def volume_prefix(lab_name: str, owner: str) -> str:
    """Return what the names of an owner's volumes begin with: the next kernel has the same."""
    token = hashlib.sha256(f"{lab_name}\0{owner}".encode()).hexdigest()[:12]
    return f"{VOLUMES}{token}-"


def create_config(
    lab: Lab,
    container: Container,
    *,
    folder: Path,
    labels: Mapping[str, str],
    image: ImageInspect,
    prefix: str,
    network: str = "none",
    has_leash: bool = True,
) -> CreateConfig:
    """Return how to make a container of a lab.

    ``folder`` is the lab's, ``network`` the engine's word for the network to be in. Volumes that
    have a name get ``prefix`` before it. Without a leash the container's own command is its
    main process: for an image without a shell.

    Where the lab's user is not root, a main process that only waits is root's all the same, and a
    label names the user of cells: without new privileges an exec of root's has capabilities only in
    a container that began as root. ``setup.sh`` and checks inside need them.
    """
    main = main_process(container, image)
    user = container.user or image.user
    begins_as_root = has_leash and not main and not is_root(user)
    shares_network = network.startswith("container:")
    return CreateConfig(
        image=container.image,
        entrypoint=("sh", "-c", LEASH, "sh") if has_leash else None,
        cmd=main if has_leash else container.command,
        env=container.environment,
        labels={**labels, **_more_labels(user if begins_as_root else "", has_leash=has_leash)},
        user="0" if begins_as_root else container.user,
        working_dir=container.working_dir,
        hostname="" if shares_network else container.name,
        open_stdin=has_leash,
        stdin_once=has_leash,
        memory=container.mem_limit,
        cpus=container.cpus,
        pids=container.pids_limit,
        network_mode=network,
        aliases=() if shares_network or network == "none" else (container.name,),
        read_only=container.read_only,
        tmpfs=dict(_tmpfs(text) for text in container.tmpfs),
        binds=tuple(bind(text, folder, prefix) for text in container.volumes),
        cap_add=(*_CAPABILITIES.get(lab.capabilities, ()), *map(_capability, container.cap_add)),
        cap_drop=() if lab.capabilities is Capabilities.DOCKER else ("ALL",),
        no_new_privileges=lab.capabilities is not Capabilities.DOCKER,
        health=container.healthcheck,
        stop_timeout=1,
    )


def main_process(container: Container, image: ImageInspect) -> tuple[str, ...]:
    """Return the words of the container's own main process, () for one that would do nothing."""
    words = (*image.entrypoint, *(container.command or image.cmd))
    if not words:
        return ()
    name = PurePosixPath(words[0]).name
    is_idle = (len(words) == 1 and name in _SHELLS) or name == "sleep" or words[1:] == _FOREVER
    return () if is_idle else words


def bind(text: str, folder: Path, prefix: str) -> str:
    """Return a volume as an engine takes it, with its absolute folder or its whole name.

    A link may lead anywhere, also one that a student has made in another folder of the lab's:
    raises :class:`LabUnusable` for what is not in the lab, and for what no student may see.
    """
    source, _, rest = text.partition(":")
    if source.startswith("."):
        real = Path(os.path.realpath(folder / source))
        if not real.exists():
            raise LabUnusable(f"The lab has no folder {source}, which its volumes name.")
        if not is_shown(real, folder):
            raise LabUnusable(f"The volume {source} leads out of the lab, or to its checks.")
        return f"{real}:{rest}"
    return f"{prefix}{source}:{rest}"


def is_shown(real: Path, folder: Path) -> bool:
    """Return whether a path without links is in the lab, and neither has nor is a secret of it."""
    here = Path(os.path.realpath(folder))
    secrets = [here / name for name in SECRETS]
    return real.is_relative_to(here) and not any(
        real.is_relative_to(secret) or secret.is_relative_to(real) for secret in secrets
    )


def start_order(lab: Lab) -> list[Container]:
    """Return the containers in the order in which they start: each after those it depends on."""
    known = {container.name: container for container in lab.containers}
    found: dict[str, Container] = {}
    waiting = list(lab.containers)
    while waiting:
        ready = [
            item for item in waiting if all(n in found or n not in known for n in item.depends_on)
        ]
        # Those that wait for each other are an error of the description: any order will do.
        for item in ready or waiting:
            found[item.name] = item
        waiting = [item for item in waiting if item.name not in found]
    return list(found.values())


def _more_labels(cells_user: str, *, has_leash: bool) -> dict[str, str]:
    labels = {USER_LABEL: cells_user} if cells_user else {}
    return labels if has_leash else {**labels, UNHELD_LABEL: "true"}


def _tmpfs(text: str) -> tuple[str, str]:
    path, _, options = text.partition(":")
    return path, options


def _capability(text: str) -> str:
    return text.upper().removeprefix("CAP_")
