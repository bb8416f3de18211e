"""Errors of one cell: its text, its exec and its signals."""

from __future__ import annotations

from typing import Self

from dexec_kernel.errors.engine import EngineApiError, EngineError
from dexec_kernel.errors.root import DexecError

_WAY_ON = (
    "A cell that begins with cd and an absolute folder (cd /) runs there, and so do the cells after"
    " it."
)


class CellSyntaxError(DexecError):
    """The cell cannot be parsed: a magic has invalid arguments, or no shell accepts the text."""


class UsageError(CellSyntaxError):
    """A magic cannot do anything with its arguments."""


class UnknownMagic(CellSyntaxError):
    """The cell names a magic that does not exist."""


class SignalError(DexecError):
    """The cell's processes cannot be signalled."""


class ExecNotFound(EngineApiError):
    """The engine no longer knows the exec: its container stopped, or the engine was restarted."""

    usual_advice = "Its container has stopped, or the engine was restarted. Run the cell again."
    usual_command_advice = "Its container has stopped, or the engine was restarted."


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
