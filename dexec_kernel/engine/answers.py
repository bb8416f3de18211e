"""The engine's error answers, translated into this package's errors.

Docker and Podman use different status codes for the same thing (a stopped container is Docker's
409 and Podman's 500), and words that change; what they mean is decided here, in one place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dexec_kernel.engine import codec
from dexec_kernel.engine.endpoint import Endpoint
from dexec_kernel.errors import (
    ApiVersionError,
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    EngineApiError,
    EngineError,
    EngineUnavailable,
    ExecNotFound,
    ProtocolError,
)

#: Said of an exec's container; "exec session … is not running" is said of the exec itself.
_container_stopped = re.compile(r"container (\S+ is|that is) not running")

# No call is ever redirected, but by the engine's router to a path that was meant otherwise.
FIRST_ERROR_STATUS = 300
#: In characters: what is shown of an engine's message.
MAX_MESSAGE = 2_000
NOT_FOUND, CONFLICT, BAD_REQUEST, FORBIDDEN, SERVER_ERROR = 404, 409, 400, 403, 500


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the engine. ``headers`` are found by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON. Raises :class:`ProtocolError`."""
        return codec.parse(self.body)

    def raise_for_error(self, *, container: str = "", exec_id: str = "") -> None:
        """Raise what an error status means: see :func:`error_of`."""
        if self.status >= FIRST_ERROR_STATUS:
            message = message_of(self.body)
            raise error_of(self.status, message, container=container, exec_id=exec_id)


def message_of(body: bytes) -> str:
    """Return the message in an error answer's body: ``{"message": …}``, or its plain text.

    Of a long one, as an HTML page of a proxy's, only the beginning.
    """
    text = body.decode("utf-8", "replace").strip()
    try:
        content = codec.parse(body)
    except ProtocolError:
        content = None
    if isinstance(content, dict):
        text = str(content.get("message") or content.get("cause") or text)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]} …"


def error_of(status: int, message: str, *, container: str = "", exec_id: str = "") -> EngineError:
    """Return the error for an answer with an error status.

    ``container`` or ``exec_id`` names the subject of the call.
    """
    lowered = message.lower()
    if status == NOT_FOUND and exec_id:
        return ExecNotFound(
            f"The engine does not know the exec {exec_id[:12]} any more.", status=status
        )
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
    if status == FORBIDDEN:
        advice = (
            "A proxy before the engine may forbid it. Cells need: _ping, containers/*/json,"
            " containers/*/exec and exec/*/{start,resize,json}."
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


def no_answer(
    endpoint: Endpoint, seconds: float, what: str, *, container: str = ""
) -> EngineUnavailable:
    """The engine took the call and gave no answer in time; it may be about ``container``."""
    message = f"The engine at {endpoint.url} did not answer within {seconds:g} s ({what})."
    if not container:
        return EngineUnavailable(message, advice=endpoint.advice)
    return EngineUnavailable(
        f"{message} It may be stuck on the container {container!r} alone.",
        advice="`docker ps` tells whether the engine answers at all. If it does, restart this"
        " container; if that hangs too, restart the engine.",
    )
