"""A lab that cells run in, as grading needs it. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


class Ended(Enum):
    """How a cell ended."""

    OK = "ok"
    ERROR = "error"
    #: It was interrupted at its time limit, and the lab goes on.
    TIMED_OUT = "timed out"
    #: The kernel ended, or does not answer any more.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Ran:
    """A cell that has run. ``records`` are those of the checks in it.

    ``error`` is the name of the error, and ``message`` its text; both are "" without one.
    """

    ended: Ended
    error: str = ""
    message: str = ""
    records: tuple[Mapping[str, Any], ...] = ()
    seconds: float = 0.0


class LabSession(Protocol):
    """A lab of its own, made when it is entered and gone when it is left."""

    async def ready(self) -> str:
        """Have the lab's containers made and set up; return what is wrong, "" for nothing."""

    async def run(self, source: str, *, limit: float) -> Ran:
        """Run a cell; interrupt it after ``limit`` seconds."""


StartSession = Callable[[], AbstractAsyncContextManager[LabSession]]
