"""What the driver of one exec has said so far, and what each word means for its stream. No I/O."""

from __future__ import annotations

from dexec_kernel.cells.driver import (
    Background,
    Event,
    FolderLost,
    HandedOver,
    HasCell,
    Ready,
    Started,
    ToldEnd,
)
from dexec_kernel.cells.stream import StreamEvent


class Heard:
    """Remembers a driver's words. Attributes are None while unknown."""

    def __init__(self) -> None:
        #: The PID of the shell in the container.
        self.pid: int | None = None
        #: The folder in which the command runs.
        self.folder: str | None = None
        #: The functions of the session that could not be restored.
        self.failed: tuple[str, ...] = ()
        #: The session's folder, where it could not be entered.
        self.lost_folder: str | None = None
        #: The processes that lived on when the cell's own commands had ended, None for none.
        self.background: Background | None = None
        #: The state of the shell at its end, None where it said nothing of it.
        self.handover: HandedOver | None = None
        self._last: HandedOver | ToldEnd | None = None
        self._waits_for_background = False

    @property
    def is_last(self) -> bool:
        """Whether the shell has said its last word, so that the cell ends in a moment."""
        # Background processes print after it, and have one of their own.
        return self._last is not None and not self._waits_for_background

    @property
    def exit_code(self) -> int | None:
        """The exit code that the shell told at its end."""
        return None if self._last is None else self._last.exit_code

    def take(self, event: Event, *, tty: bool) -> StreamEvent | None:
        """Take a word; return what happens to the stream, None for nothing."""
        match event:
            case Started():
                self.pid, self.folder = event.pid, event.folder
                return StreamEvent.ECHOES if tty else StreamEvent.WAITS
            case Ready():
                return StreamEvent.HAS_CELL
            case HasCell():
                self.folder, self.failed = event.folder, event.failed
                return StreamEvent.HAS_CELL
            case FolderLost():
                self.lost_folder = event.folder
            case Background():
                self._waits_for_background = event.count > 0
                if not self._waits_for_background:
                    return None
                self.background = event
                return StreamEvent.LEFT
            case HandedOver():
                self.handover = self._last = event
            case _:  # ToldEnd
                self._last = event
        return None
