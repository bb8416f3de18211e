"""Status objects, as an apiserver answers with them. Source: apimachinery, api/errors."""

from __future__ import annotations

from typing import Any

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "AlreadyExists",
    410: "Expired",
    500: "InternalError",
    503: "ServiceUnavailable",
}


class ApiFault(Exception):
    """A request that is answered with a Status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def to_json(self) -> dict[str, Any]:
        """Return the Status."""
        return failure(self.code, self.message)


def failure(code: int, message: str) -> dict[str, Any]:
    """Return the Status of a fault."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": _REASONS.get(code, ""),
        "code": code,
    }


def exec_success() -> dict[str, Any]:
    """Return the Status of an exec that ended with 0."""
    return {"metadata": {}, "status": "Success"}


def exec_fault(message: str) -> dict[str, Any]:
    """Return the Status of an exec that could not be run."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {message}",
        "reason": "InternalError",
        "details": {"causes": [{"message": message}]},
        "code": 500,
    }


def translated(status: dict[str, Any]) -> dict[str, Any]:
    """Return what an apiserver makes of a kubelet's Status of an exec, over the v5 protocol."""
    if status.get("status") != "Failure":
        return exec_success()
    if status.get("reason") != "NonZeroExitCode":
        return exec_fault(str(status.get("message", "")))
    causes = status.get("details", {}).get("causes", [])
    code = next((cause["message"] for cause in causes if cause.get("reason") == "ExitCode"), "")
    text = f"command terminated with exit code {code}"
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {text}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": code}]},
    }
