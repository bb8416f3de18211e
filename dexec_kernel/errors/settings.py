"""Settings that cannot be used, and the administrator's policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from dexec_kernel.errors.root import DexecError


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
