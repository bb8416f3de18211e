"""The root of all errors, and the error for a defect."""

from __future__ import annotations

from typing import Self


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
