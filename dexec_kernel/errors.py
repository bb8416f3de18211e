"""Every error that dexec-kernel raises, under one root.

An error has a ``message``, and ``advice`` if there is a remedy. The class names are public: the
kernel replies with them as ``ename``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

__all__ = [
    "ApiVersionError",
    "CellNotRun",
    "CellSyntaxError",
    "CheckBroken",
    "CheckNotPassed",
    "CommandNotStarted",
    "ConfigurationError",
    "ContainerNotFound",
    "ContainerNotRunning",
    "ContainerPaused",
    "CredentialsRefused",
    "DexecError",
    "EngineApiError",
    "EngineError",
    "EngineUnavailable",
    "ExecLost",
    "ExecNotFound",
    "FileSystemReadOnly",
    "FolderGone",
    "ImageNotFound",
    "ImageNotLoaded",
    "ImageNotPulled",
    "InternalError",
    "LabUnusable",
    "NotChosenError",
    "PathForbidden",
    "PathNotFound",
    "PolicyRefused",
    "PolicyUnusable",
    "ProtocolError",
    "RightMissing",
    "SignalError",
    "StreamCutOff",
    "StreamFault",
    "UnknownMagic",
    "UsageError",
]

_DOCTOR = "`dexec-kernel doctor` looks at the connection to the engine."
_LOOK_AT_CONNECTION = f"Run the cell again. If it fails again, {_DOCTOR}"
#: How the names of containers in pods begin.
_KUBE = "kube:"
#: The HTTP status codes that Docker answers with; Podman has others for the same.
_NOT_FOUND, _CONFLICT = 404, 409


class DexecError(Exception):
    """The root of all errors of this package. An error without an advice has its class's.

    The advice is for a notebook, and :attr:`command_advice` for a command line.
    """

    usual_advice = ""
    usual_command_advice = ""

    def __init__(self, message: str, *, advice: str = "", command_advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice or self.usual_advice
        self.command_advice = command_advice or advice or self.usual_command_advice

    @property
    def name(self) -> str:
        """The public name of the error: the ``ename`` of a Jupyter reply."""
        return type(self).__name__

    def __str__(self) -> str:
        return f"{self.message}\n{self.advice}" if self.advice else self.message


class ConfigurationError(DexecError):
    """A setting cannot be used: a malformed DOCKER_HOST, a context that does not exist."""


class PolicyUnusable(ConfigurationError):
    """The administrator's policy cannot be read, or binds nobody. Nothing runs."""

    @classmethod
    def of(cls, file: str, problems: Sequence[str], *, advice: str = "") -> Self:
        """Return the error for a file with one problem or several."""
        said = "\n".join(f"  - {problem}" for problem in problems)
        return cls(
            f"The policy {file} cannot be used, so that nothing may run:"
            f"{f' {problems[0]}.' if len(problems) == 1 else chr(10) + said}",
            advice=advice or "An administrator of this machine mends it, and restarts the kernel.",
        )


class PolicyRefused(DexecError):
    """The administrator's policy does not allow it: a ``setting`` in its ``file``."""

    usual_advice = "An administrator of this machine sets it for every kernel."

    def __init__(self, message: str, *, setting: str, file: str, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.setting = setting
        self.file = file

    @classmethod
    def by(cls, setting: str, file: str, text: str, *, advice: str = "") -> Self:
        """Return the error for a sentence that says what is refused, and the setting."""
        message = f"{text} The policy refuses it: {setting} in {file}."
        return cls(message, setting=setting, file=file, advice=advice)


class NotChosenError(DexecError):
    """No container is chosen, and there is not exactly one to take. ``candidates`` names them."""

    def __init__(self, message: str, *, candidates: tuple[str, ...], advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.candidates = candidates


class LabUnusable(DexecError):
    """The containers of a lab cannot be made. ``output`` is for the teacher, and never shown."""

    usual_advice = "Whoever has written the lab finds the reason with `dexec-kernel lab test`."

    def __init__(self, message: str, *, output: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.output = output


class CheckNotPassed(DexecError):
    """The check of a task has run, and the task is not done yet."""


class CheckBroken(DexecError):
    """The check of a task could not run to its end: nothing is known of the student's work."""

    usual_advice = "Tell whoever has written the lab. Running the cell again may help."


class CellSyntaxError(DexecError):
    """The cell cannot be parsed: a magic has invalid arguments, or no shell accepts the text."""


class UsageError(CellSyntaxError):
    """A magic cannot do anything with its arguments."""


class UnknownMagic(CellSyntaxError):
    """The cell names a magic that does not exist."""


class InternalError(DexecError):
    """An unexpected exception: a defect of this package."""

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """Return the error for an exception, which becomes its cause."""
        found = cls(
            f"The kernel has a defect: {type(error).__name__}: {error}.",
            advice="Please report it with the traceback from the kernel's log. The kernel goes on.",
        )
        found.__cause__ = error
        return found


class SignalError(DexecError):
    """The cell's processes cannot be signalled."""


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


class ExecNotFound(EngineApiError):
    """The engine no longer knows the exec: its container stopped, or the engine was restarted."""


class PathNotFound(EngineApiError):
    """The file or folder does not exist, in the container or on the kernel's side."""

    @classmethod
    def of(cls, message: str, *, advice: str = "") -> Self:
        """Return the error where it is not the engine that has looked."""
        return cls(message, status=_NOT_FOUND, advice=advice)


class PathForbidden(EngineApiError):
    """The engine may not read or write the path."""


class FileSystemReadOnly(EngineApiError):
    """The container's file system is read-only at the path."""


class CommandNotStarted(EngineError):
    """The exec's command could not be started.

    ``exit_code`` is the engine's (126 or 127), ``engine_text`` what the engine wrote about it, and
    ``missing_command`` is true when the reason is that the image has no such command,
    ``bad_folder`` when it is the folder that the command was to begin in. ``short_reason`` is for
    the bar, "" where the exit code says it.
    """

    def __init__(
        self,
        message: str,
        *,
        exit_code: int | None,
        engine_text: str,
        missing_command: bool = False,
        bad_folder: bool = False,
        short_reason: str = "",
        advice: str = "",
    ) -> None:
        super().__init__(message, advice=advice)
        self.exit_code = exit_code
        self.engine_text = engine_text
        self.missing_command = missing_command
        self.bad_folder = bad_folder
        self.short_reason = short_reason


class ExecLost(EngineError):
    """The exec or its stream ended, and its exit code can no longer be known."""


_WAY_ON = (
    "A cell that begins with cd and an absolute folder (cd /) runs there, and so do the cells after"
    " it."
)


class FolderGone(EngineError):
    """The folder of the session, or else of the container, is gone, or may not be entered.

    Nothing of the cell has run.
    """

    @classmethod
    def of(cls, folder: str) -> Self:
        """Return the error for a folder, with advice."""
        return cls(
            f"The session's folder {folder} is gone, or may not be entered. Nothing has run.",
            advice=f"{_WAY_ON} %reset forgets the session.",
        )

    @classmethod
    def of_container(cls, folder: str, *, has_shell: bool) -> Self:
        """Return the error for the folder in which the container's processes begin."""
        return cls(
            f"The container's working directory {folder} is gone, or may not be entered. Nothing"
            " has run.",
            advice=_WAY_ON if has_shell else "`%%exec -w /` runs the cell in another folder.",
        )


class CellNotRun(EngineError):
    """The exec ended without proof that its shell has run the cell."""


class CopyError(DexecError):
    """The copy cannot be made as it was asked for, or not to its end."""


class UnsafeArchive(CopyError):
    """The container's archive has an entry that would leave the folder it is copied to."""


def _the(container: str) -> str:
    return f"The container {container!r}" if container else "The exec's container"
