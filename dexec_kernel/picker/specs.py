"""The engine's containers as kernelspecs: one for each running container or Compose service."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import (
    COMPOSE_PREFIX,
    KUBE_PREFIX,
    SWARM_PREFIX,
    bound_name,
    plain_name,
    service_order,
)
from dexec_kernel.picker.filters import ContainerFilters
from dexec_kernel.picker.kernelspecs import KERNEL_NAME, BoundSpec, spec_name
from dexec_kernel.picker.mark import Mark, mark_of
from dexec_kernel.picker.names import display_names, is_pod, task_label, wished_name

_RUNNING = "running"
_KIND = re.compile(r"(deploy|sts|ds|rs|job)/")
#: In seconds. JupyterLab asks for the kernelspecs every minute.
_GONE_AFTER = 150.0


def container_specs(
    containers: Iterable[ContainerSummary],
    filters: ContainerFilters,
    env: Mapping[str, str],
    *,
    pod_env: Mapping[str, str] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> list[BoundSpec]:
    """Return the kernelspecs for the containers that run and that ``filters`` allow, by name.

    ``env`` is for their kernels, ``pod_env`` for those of pods, ``metadata`` says who made them.
    The replicas of a Compose service or of a Deployment have one kernelspec together.
    """
    usable: dict[str, ContainerSummary] = {}
    for container in sorted(containers, key=service_order):
        if container.state == _RUNNING and filters.allow(container):
            usable.setdefault(bound_name(container), container)
    names = spec_names(usable)
    shown = display_names(usable)
    specs = [
        BoundSpec(
            container=bound,
            name=names[bound],
            display_name=shown[bound],
            env=dict((pod_env or {}) if is_pod(bound) else env),
            metadata={"image": found.image, **(metadata or {})},
            mark=_mark(bound, found),
        )
        for bound, found in usable.items()
    ]
    return sorted(specs, key=lambda spec: spec.name)


def _mark(bound: str, container: ContainerSummary) -> Mark:
    wish = wished_name(container)
    if bound.startswith(SWARM_PREFIX):
        label = task_label(bound)
        return mark_of(wish or label, family=label.partition(".")[0], member=label)
    if not bound.startswith((COMPOSE_PREFIX, KUBE_PREFIX)):
        return mark_of(wish or bound, family=bound, member=container.image)
    project, _, service = plain_name(bound).partition("/")
    # Of a pod's owner its name, and not the word for its kind.
    label = _KIND.sub("", service) if is_pod(bound) else service
    return mark_of(wish or label, family=project, member=f"{project}/{service}")


class KnownSpecs:
    """Keeps the kernelspec of a container that is gone: 150 s, or for ever if it was used.

    An open page shows the kernels of its last request, and a click on one must work. A notebook
    must reopen with its kernel, whose cells then report the missing container.
    """

    def __init__(self) -> None:
        self._used: set[str] = set()
        #: Each with the time when its container was last seen.
        self._known: dict[str, tuple[BoundSpec, float]] = {}

    def add_to(
        self, specs: Iterable[BoundSpec], kernels: Iterable[str], now: float
    ) -> list[BoundSpec]:
        """Return the kernelspecs, and then those of gone containers that are kept.

        Each are in the order of their names for people, as in a launcher.

        ``kernels`` are the names of the kernelspecs that kernels run from at the moment, ``now``
        is in seconds.
        """
        present = {spec.name: spec for spec in specs}
        self._used |= set(kernels)
        self._known |= {name: (spec, now) for name, spec in present.items()}
        self._known = {
            name: (spec, seen)
            for name, (spec, seen) in self._known.items()
            if name in self._used or now - seen < _GONE_AFTER
        }
        gone = [spec for name, (spec, _) in self._known.items() if name not in present]
        return [
            *sorted(present.values(), key=_place),
            *sorted((_not_running(spec) for spec in gone), key=_place),
        ]


def _place(spec: BoundSpec) -> tuple[str, str]:
    return spec.display_name.casefold(), spec.name


def _not_running(spec: BoundSpec) -> BoundSpec:
    label = plain_name(spec.container).replace("/", " / ", 1)
    return replace(spec, display_name=f"{label} (not running)")


def spec_names(containers: Iterable[str]) -> dict[str, str]:
    """Return a name for each container's kernelspec, no two the same: ``dexec-web``.

    Jupyter knows no capitals. Of ``web`` and ``Web`` the first keeps the name that both would have,
    and so does a container ``shop-web`` beside the service ``shop/web``; the others get a number
    that is always the same.
    """
    found: dict[str, str] = {}
    owners: dict[str, list[str]] = {}
    for container in containers:
        owners.setdefault(spec_name(container), []).append(container)
    for name, rivals in owners.items():
        for container in rivals:
            alone = len(rivals) == 1 or name == f"{KERNEL_NAME}-{container}"
            number = hashlib.sha256(container.encode()).hexdigest()[:6]
            found[container] = name if alone else f"{name}-{number}"
    return found
