"""The engine's error answers, translated into this package's errors.

Docker and Podman use different status codes for the same thing (a stopped container is Docker's
409 and Podman's 500), and words that change; what they mean is decided here, in one place.
"""

from __future__ import annotations

import re

from dexec_kernel.engine.http.answer import FIRST_ERROR_STATUS, Answer, message_of
from dexec_kernel.errors import (
    ApiVersionError,
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    EngineApiError,
    EngineError,
    ExecNotFound,
)

#: Said of an exec's container; "exec session … is not running" is said of the exec itself.
_container_stopped = re.compile(r"container (\S+ is|that is) not running")

NOT_FOUND, CONFLICT, BAD_REQUEST, FORBIDDEN, SERVER_ERROR = 404, 409, 400, 403, 500


def checked(answer: Answer, *, container: str = "", exec_id: str = "") -> Answer:
    """Return the answer. Raises the error of an error status: see :func:`error_of`."""
    if answer.status >= FIRST_ERROR_STATUS:
        message = message_of(answer.body)
        raise error_of(answer.status, message, container=container, exec_id=exec_id)
    return answer


def error_of(status: int, message: str, *, container: str = "", exec_id: str = "") -> EngineError:
    """Return the error for an answer with an error status.

    ``container`` or ``exec_id`` names the subject of the call.
    """
    lowered = message.lower()
    if status == NOT_FOUND and exec_id:
        return ExecNotFound(f"The engine no longer knows the exec {exec_id[:12]}.", status=status)
    if container and (status == NOT_FOUND or status < BAD_REQUEST):
        # Below 400 is a redirect: the name is a path (a/../b), which no container's is.
        return ContainerNotFound.of(container)
    if "is paused" in lowered:
        return ContainerPaused.of(container)
    if container and ("not running" in lowered or "container state improper" in lowered):
        return ContainerNotRunning.of(container)
    if exec_id and _container_stopped.search(lowered):
        return ContainerNotRunning.of("")
    if status == BAD_REQUEST and "client version" in lowered:
        return ApiVersionError(
            f"The engine refuses the API version: {message}",
            advice="Unset DOCKER_API_VERSION, or name in it a version that the engine has.",
        )
    advice = ""
    if message.startswith("a web page"):
        advice = "The engine's address may be that of another program, or of a proxy before it."
    elif status == FORBIDDEN:
        advice = (
            "A proxy before the engine may forbid it. Cells need: _ping, containers/*/json,"
            " containers/*/exec and exec/*/{start,resize,json}."
        )
    elif status >= SERVER_ERROR:
        advice = (
            "Run the cell again. If it fails again, the engine's log may say why, and"
            " `dexec-kernel doctor` looks at the connection to it."
        )
    return EngineApiError(f"The engine answered {status}: {message}", status=status, advice=advice)


def top_refused(error: EngineApiError) -> EngineApiError:
    """Return what a refused list of processes means: the engine asks its host's ``ps``."""
    lowered = error.message.lower()
    if error.status != SERVER_ERROR or "ps" not in lowered or "not found" not in lowered:
        return error
    return EngineApiError(
        "The engine's host has no ps, which lists the processes of a container.",
        status=error.status,
        advice="Install procps there, or run ps in a cell where the image has it.",
    )
