"""Errors of labs and of their checks."""

from __future__ import annotations

from dexec_kernel.errors.root import DexecError


class LabUnusable(DexecError):
    """The containers of a lab cannot be made. ``output`` is for the teacher, and never shown."""

    usual_advice = "The lab's author finds the reason with `dexec-kernel lab test`."

    def __init__(self, message: str, *, output: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.output = output


class CheckNotPassed(DexecError):
    """The check of a task has run, and the task is not done yet."""


class CheckBroken(DexecError):
    """The check of a task could not run to its end: nothing is known of the student's work."""

    usual_advice = "Tell the lab's author. Running the cell again may help."
