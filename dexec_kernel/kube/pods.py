"""Pods as the API server describes them, read as containers. No I/O; nothing of it is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dexec_kernel.backend.models import ContainerInspect, ContainerSummary, shell_env
from dexec_kernel.backend.targets import KUBE_BOUND_LABEL
from dexec_kernel.errors import ConfigurationError, ContainerNotFound, ProtocolError
from dexec_kernel.kube.names import PodName

#: The annotation by which kubectl chooses one of several containers.
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_HASH_LABEL = "pod-template-hash"
#: Annotations that say how cells run, as a container's labels do.
_OURS = "dexec."
#: In seconds: the node's clock may be off by this against ours.
_CLOCK_SKEW = 1.0
_OUT_OF_MEMORY = "OOMKilled"
_INITIALIZING = "PodInitializing"
_STATUSES = ("containerStatuses", "ephemeralContainerStatuses", "initContainerStatuses")
_SPECS = ("containers", "ephemeralContainers", "initContainers")


def name_of(pod: Any) -> PodName:
    """Return the name of a pod. Raises :class:`ProtocolError`."""
    metadata = _object(pod, "metadata")
    namespace, name = metadata.get("namespace"), metadata.get("name")
    if not isinstance(namespace, str) or not isinstance(name, str) or not namespace or not name:
        raise ProtocolError("The cluster's answer is not a pod.")
    return PodName(namespace, name, uid=_text(metadata, "uid"))


def container_names(pod: Any) -> list[str]:
    """Return the names of a pod's containers; ephemeral ones come last."""
    return [_text(spec, "name") for key in _SPECS[:2] for spec in _list(_object(pod, "spec"), key)]


def owner_of(pod: Any) -> tuple[str, str] | None:
    """Return the kind and the name of what replaces a pod, None for a pod of its own.

    The Deployment of a ReplicaSet is known by the pod's label: nobody needs a right to look at it.
    """
    metadata = _object(pod, "metadata")
    for reference in _list(metadata, "ownerReferences"):
        kind, name = _text(reference, "kind"), _text(reference, "name")
        if not reference.get("controller"):
            continue
        suffix = f"-{_object(metadata, 'labels').get(_HASH_LABEL, '')}"
        if kind == "ReplicaSet" and len(suffix) > 1 and name.endswith(suffix):
            return "Deployment", name.removesuffix(suffix)
        return kind, name
    return None


def bound_name_of(pod: Any, container: str) -> str:
    """Return the name that a kernel is bound to; it survives that the pod is replaced."""
    name = name_of(pod)
    inner = container if _is_one_of_several(pod, container) else ""
    match owner_of(pod):
        case ("Deployment" | "DaemonSet" | "ReplicaSet" | "Job") as kind, owner:
            return str(PodName(name.namespace, owner, inner, kind))
        case "StatefulSet", _:
            # Its pods have names that stay.
            return str(PodName(name.namespace, name.pod, inner, "StatefulSet"))
        case _:
            return str(PodName(name.namespace, name.pod, inner))


def belongs(pod: Any, wanted: PodName) -> bool:
    """Return whether a pod is one of the owner that ``wanted`` names."""
    owner = owner_of(pod)
    if owner is None or owner[0] != wanted.owner:
        return False
    is_member = wanted.owner == "StatefulSet" and name_of(pod).pod == wanted.pod
    return is_member or owner[1] == wanted.pod


def best_first(pod: Any, container: str = "") -> tuple[bool, bool, int, str]:
    """Return the sort key of an owner's pods: running, not about to end, the lowest, the oldest.

    The phase of a pod in a crash loop is Running too: its ``container`` is to run, "" for any.
    """
    metadata, status = _object(pod, "metadata"), _object(pod, "status")
    number = _text(metadata, "name").rpartition("-")[2]
    runs = any(
        "running" in _object(item, "state")
        for key in _STATUSES[:2]
        for item in _list(status, key)
        if not container or item.get("name") == container
    )
    return (
        not runs or _text(status, "phase") != "Running",
        bool(metadata.get("deletionTimestamp")),
        int(number) if number.isdecimal() and len(number) < 9 else 0,  # noqa: PLR2004 -- a number
        _text(metadata, "creationTimestamp"),
    )


def choose_container(pod: Any, wanted: PodName) -> str:
    """Return the name of the container that is meant.

    Raises :class:`ContainerNotFound` where the pod has no such, :class:`ConfigurationError` where
    it has several and none is named.
    """
    names = container_names(pod)
    if wanted.container:
        if wanted.container not in {*names, *_init_names(pod)}:
            raise ContainerNotFound.of(str(wanted), others=names)
        return wanted.container
    usual = _object(_object(pod, "metadata"), "annotations").get(_DEFAULT_CONTAINER)
    if usual in names:
        return str(usual)
    main = [_text(spec, "name") for spec in _list(_object(pod, "spec"), "containers")]
    if len(main) != 1:
        raise ConfigurationError(
            f"The pod {wanted} has {len(main)} containers, and none is named.",
            advice=f"Name one: {', '.join(f'{wanted}/{name}' for name in main)}.",
        )
    return main[0]


def _is_one_of_several(pod: Any, container: str) -> bool:
    return container_names(pod) != [container]


def _init_names(pod: Any) -> list[str]:
    return [_text(spec, "name") for spec in _list(_object(pod, "spec"), _SPECS[2])]


def inspect_of(pod: Any, container: str) -> ContainerInspect:
    """Return a container of a pod as the kernel knows containers."""
    name = name_of(pod)
    spec, status = (
        _found(pod, _SPECS, "spec", container),
        _found(pod, _STATUSES, "status", container),
    )
    state = _object(status, "state")
    running = state.get("running")
    env = {_text(item, "name"): _text(item, "value") for item in _list(spec, "env")}
    several = _is_one_of_several(pod, container)
    started = _text(running, "startedAt") if isinstance(running, dict) else ""
    return ContainerInspect(
        id=PodName(name.namespace, name.pod, container, uid=name.uid).id,
        name=str(PodName(name.namespace, name.pod, container if several else "")),
        image=_text(spec, "image"),
        running=isinstance(running, dict),
        paused=False,
        oom_killed=_ended(status).get("reason") == _OUT_OF_MEMORY,
        user=_user(pod, spec),
        working_dir=_text(spec, "workingDir"),
        labels=labels_of(pod, container),
        env_names=tuple(env),
        shell_env=shell_env(env),
        tty=bool(spec.get("tty")),
        open_stdin=bool(spec.get("stdin")),
        stdin_once=bool(spec.get("stdinOnce")),
        started_at=f"{started} {_text(status, 'containerID')}".strip(),
        why_not_running=why_not_running(pod, status),
    )


def summaries_of(pod: Any) -> list[ContainerSummary]:
    """Return a pod's containers as lines of a list. Raises :class:`ProtocolError`."""
    found = [(inspect_of(pod, name), name) for name in container_names(pod)]
    return [
        ContainerSummary(
            item.id,
            item.name,
            item.image,
            "running" if item.running else "exited",
            "running" if item.running else item.why_not_running,
            item.labels,
        )
        for item, _ in found
    ]


def labels_of(pod: Any, container: str) -> dict[str, str]:
    """Return the labels, and the annotations of ours, which the labels do not hide."""
    metadata = _object(pod, "metadata")
    annotations = {
        key: value
        for key, value in _object(metadata, "annotations").items()
        if key.startswith(_OURS)
    }
    found = {**_object(metadata, "labels"), **annotations}
    labels = {str(key): str(value) for key, value in found.items()}
    labels[KUBE_BOUND_LABEL] = bound_name_of(pod, container)
    return labels


def why_not_running(pod: Any, status: Mapping[str, Any]) -> str:
    """Return why a container does not run, in Kubernetes' words; "" for one that runs."""
    state = _object(status, "state")
    if "running" in state:
        return ""
    of_pod = _object(pod, "status")
    # Such as Evicted: it tells more than the containers' exit codes do.
    fate = ": ".join(filter(None, (_text(of_pod, "reason"), _text(of_pod, "message"))))
    if waiting := _object(state, "waiting"):
        words = ": ".join(filter(None, (_text(waiting, "reason"), _text(waiting, "message"))))
        if _text(waiting, "reason") == _INITIALIZING:
            words = _initializing(of_pod) or words
        last = _end_in_words(_object(_object(status, "lastState"), "terminated"))
        last = last and f"it ended before: {last}"
        return _sentence(fate, words, last, _restarts(status)) or "waiting"
    if ended := _object(state, "terminated"):
        return _sentence(fate, _end_in_words(ended), _restarts(status))
    unmet = [
        _text(item, "message") or _text(item, "reason")
        for item in _list(of_pod, "conditions")
        if item.get("status") == "False"
    ]
    words = fate or next(filter(None, unmet), "")
    return ": ".join(filter(None, (_text(of_pod, "phase"), words)))


def _initializing(status: Mapping[str, Any]) -> str:
    """Return which init container the others wait for, and how it is; "" where nothing is known."""
    for item in _list(status, _STATUSES[2]):
        state, name = _object(item, "state"), _text(item, "name")
        ended = _object(state, "terminated")
        if ended and ended.get("exitCode") == 0:
            continue
        waiting = _object(state, "waiting")
        how = ": ".join(filter(None, (_text(waiting, "reason"), _text(waiting, "message"))))
        last = _end_in_words(ended or _object(_object(item, "lastState"), "terminated"))
        how = _sentence(how, last, _restarts(item)) or "it runs"
        return f"the init container {name!r} is to end first ({how})"
    return ""


def _sentence(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def ran_out_of_memory_since(pod: Any, container: str, since: float) -> bool:
    """Return whether a container was ended for want of memory after ``since``, in epoch seconds.

    Raises :class:`ProtocolError`.
    """
    ended = _ended(_found(pod, _STATUSES, "status", container))
    if ended.get("reason") != _OUT_OF_MEMORY:
        return False
    when = _text(ended, "finishedAt")
    try:
        return datetime.fromisoformat(when).timestamp() >= int(since - _CLOCK_SKEW)
    except ValueError as error:
        raise ProtocolError(f"The cluster says that a container ended at {when!r}.") from error


def run_of(pod: Any, container: str) -> str:
    """Return what tells one run of a container from another; "" for one that does not run."""
    found = inspect_of(pod, container)
    return found.started_at if found.running else ""


def _ended(status: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in ("state", "lastState"):
        if ended := _object(_object(status, key), "terminated"):
            return ended
    return {}


def _end_in_words(ended: Mapping[str, Any]) -> str:
    if not ended:
        return ""
    code = ended.get("exitCode")
    return f"{_text(ended, 'reason') or 'ended'}, exit code {code}"


def _restarts(status: Mapping[str, Any]) -> str:
    count = status.get("restartCount")
    return f"{count} restart{'s' * (count != 1)}" if isinstance(count, int) and count else ""


def _user(pod: Any, spec: Mapping[str, Any]) -> str:
    for context in (
        _object(spec, "securityContext"),
        _object(_object(pod, "spec"), "securityContext"),
    ):
        if isinstance(user := context.get("runAsUser"), int):
            return str(user)
    return ""


def _found(pod: Any, keys: tuple[str, ...], part: str, container: str) -> Mapping[str, Any]:
    for key in keys:
        for item in _list(_object(pod, part), key):
            if item.get("name") == container:
                return item
    return {}


def _object(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}


def _list(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _text(value: Any, key: str) -> str:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) else ""
