"""Errors between the kernel and the engine: the connection, containers and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from dexec_kernel.errors.root import DexecError

_DOCTOR = "`dexec-kernel doctor` looks at the connection to the engine."
_LOOK_AT_CONNECTION = f"Run the cell again. If it fails again, {_DOCTOR}"
#: How the names of containers in pods begin.
_KUBE = "kube:"
#: The HTTP status codes that Docker answers with; Podman has others for the same.
_NOT_FOUND, _CONFLICT = 404, 409


class EngineError(DexecError):
    """The root of all faults between the kernel and the engine."""


class EngineUnavailable(EngineError):
    """No engine answers: no engine was found, or its connection was refused or lost."""

    usual_advice = _LOOK_AT_CONNECTION
    usual_command_advice = _DOCTOR


class CredentialsRefused(EngineError):
    """A Kubernetes cluster does not accept the kubeconfig's credentials, or there are none."""

    usual_advice = "Log in again. `kubectl get pods` shows whether the cluster accepts you."


class ApiVersionError(EngineError):
    """The engine's API version is too old or too new for a request."""


class ProtocolError(EngineError):
    """The engine sent something that its API does not describe."""

    usual_advice = _LOOK_AT_CONNECTION
    usual_command_advice = _DOCTOR


class StreamCutOff(ProtocolError):
    """An attached stream ended in the middle of a frame: something is missing."""


class StreamFault(EngineError):
    """The engine reported an error of its own inside an attached stream (a frame of type 3)."""


class EngineApiError(EngineError):
    """The engine answered with an error status. ``status`` is the HTTP status code."""

    def __init__(
        self, message: str, *, status: int, advice: str = "", command_advice: str = ""
    ) -> None:
        super().__init__(message, advice=advice, command_advice=command_advice)
        self.status = status


class RightMissing(EngineApiError):
    """A Kubernetes cluster knows us, and does not allow the request. The advice is the Role."""


class ContainerNotFound(EngineApiError):
    """No container has that name or id."""

    @classmethod
    def of(cls, container: str, *, others: Sequence[str] = ()) -> Self:
        """Return the error for a container, by the name that the user gave it.

        ``others`` are the containers of the same pod.
        """
        if container.startswith(_KUBE):
            has = f"Its containers are: {', '.join(others)}. " if others else ""
            if not others and container.count("/") == 1:
                # Who leaves out the namespace may mean a container in a pod.
                namespace, pod = container.removeprefix(_KUBE).split("/")
                has = f"The pod {pod!r} was looked for in the namespace {namespace!r}. "
            return cls(
                f"There is no pod or container {container!r}.",
                status=_NOT_FOUND,
                advice=f"{has}`kubectl get pods --all-namespaces` shows the pods.",
            )
        return cls(
            f"There is no container named {container!r}.",
            status=_NOT_FOUND,
            advice="`%containers` shows the containers; `%container NAME` chooses one.",
            command_advice="`dexec-kernel list --all` shows the containers.",
        )


class ImageNotFound(EngineApiError):
    """The engine has no image of that name."""

    @classmethod
    def of(cls, image: str) -> Self:
        """Return the error for an image, by the name that somebody gave it."""
        return cls(
            f"The engine has no image {image!r}.",
            status=_NOT_FOUND,
            advice=f"Pull it: docker pull {image}",
        )


class ImageNotPulled(ImageNotFound):
    """The engine has no such image, and cannot pull it. ``image`` is its name."""

    def __init__(self, message: str, *, image: str, status: int, advice: str = "") -> None:
        super().__init__(message, status=status, advice=advice)
        self.image = image

    @classmethod
    def of(cls, image: str, reason: str = "", *, status: int = _NOT_FOUND) -> Self:
        """Return the error for an image, with the engine's ``reason``."""
        why = f": {reason.strip().rstrip('.')}" if reason.strip() else ""
        return cls(
            f"The engine has no image {image!r}, and could not pull it{why}.",
            image=image,
            status=status,
            advice=f"Where a registry is reachable: docker pull {image}\n"
            f"Else, on a machine that has it: docker save -o image.tar {image}\n"
            "and here: docker load -i image.tar",
        )


class ImageNotLoaded(EngineApiError):
    """The engine cannot load images from the file."""

    @classmethod
    def of(cls, reason: str, *, status: int = 500) -> Self:
        """Return the error for the engine's ``reason``."""
        return cls(
            f"The engine cannot load the file: {reason.strip().rstrip('.') or 'it says nothing'}.",
            status=status,
            advice="It takes what `docker save -o FILE IMAGE` has written; it may be packed.",
        )


class ContainerNotRunning(EngineApiError):
    """The container exists, and is stopped. ``reason`` is the engine's, "" for none."""

    reason = ""

    @classmethod
    def of(cls, container: str, reason: str = "") -> Self:
        """Return the error for a container; "" where its name is not known."""
        advice = f"Start it: docker start {container or 'NAME'}"
        if container.startswith(_KUBE):
            namespace, _, pod = container.removeprefix(_KUBE).partition("/")
            advice = f"Look why: kubectl describe pod -n {namespace} {pod.partition('/')[0]}"
        why = f": {reason}" if reason else ""
        error = cls(f"{_the(container)} is not running{why}.", status=_CONFLICT, advice=advice)
        error.reason = reason
        return error


class ContainerPaused(EngineApiError):
    """The container exists, and is paused."""

    @classmethod
    def of(cls, container: str) -> Self:
        """Return the error for a container; "" where its name is not known."""
        return cls(
            f"{_the(container)} is paused.",
            status=_CONFLICT,
            advice=f"Let it go on: docker unpause {container or 'NAME'}",
        )


def _the(container: str) -> str:
    return f"The container {container!r}" if container else "The cell's container"
