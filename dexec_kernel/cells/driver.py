"""The driver's words in the stream of an exec, taken out of it and understood. No I/O.

The driver is a shell script in the container (``shell/scripts``). It speaks on stderr, between
marks; a terminal has one stream, and a cell may send its stderr to its stdout, so that both are
looked at. Nothing of it is trusted: a word that is not understood, or comes when it makes no sense,
is dropped, and so is one that the end of the stream cuts off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.shell.handover import DamagedHandover, Handover, HandoverParts
from dexec_kernel.shell.marks import Marks, MarkScanner, Message

#: In digits: no PID, exit code or count of processes is as long as this.
_MAX_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Started:
    """The shell runs. ``pid`` is its PID in the container, ``folder`` where it is."""

    pid: int
    folder: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A terminal is set up: what has come by now is the echo of what it was sent."""


@dataclass(frozen=True, slots=True)
class HasCell:
    """The cell has arrived whole, and is evaluated from here on, in ``folder``.

    ``failed`` are the functions of the session that could not be restored.
    """

    folder: str
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderLost:
    """The session's folder cannot be entered. The shell ends, and runs nothing."""

    folder: str


@dataclass(frozen=True, slots=True)
class Background:
    """The cell's own commands have ended with ``exit_code``; ``count`` processes live on.

    The last word of the shell that waits for them has a ``count`` of 0.
    """

    exit_code: int
    count: int


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The shell has told its state; None where that arrived damaged."""

    handover: Handover | None

    @property
    def exit_code(self) -> int | None:
        """The exit code that the shell told, None where it is not known."""
        try:
            told = self.handover and self.handover.one("shell")
        except DamagedHandover:
            return None
        return _number(told.partition(b":")[0]) if told else None


@dataclass(frozen=True, slots=True)
class ToldEnd:
    """The shell ends, with ``exit_code``, and has no state to tell."""

    exit_code: int


Event: TypeAlias = Started | Ready | HasCell | FolderLost | Background | HandedOver | ToldEnd


class Driver:
    """Takes the frames of an exec's stream; returns the cell's own, with events between them.

    The greeting is believed until the cell is there, and the secret mark from the beginning.
    """

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._scanners = {
            stream: MarkScanner(marks.greeting, marks.secret)
            for stream in (Stream.STDOUT, Stream.STDERR)
        }
        self._parts = HandoverParts(marks.secret)
        self._failed: tuple[str, ...] = ()
        self._is_started = self._has_cell = False

    def feed(self, frame: Frame) -> list[Frame | Event]:
        """Take a frame; return what is certain by now, in order."""
        scanner = self._scanners.get(frame.stream)
        if scanner is None:
            return [frame]
        found: list[Frame | Event] = []
        for item in scanner.feed(frame.data):
            if not isinstance(item, Message):
                found.append(Frame(frame.stream, item))
            elif (event := self._event_of(item.data)) is not None:
                found.append(event)
        return found

    def finish(self) -> list[Frame]:
        """Take the end of the stream; return what was held back and turns out to be output."""
        rests = [Frame(stream, scanner.finish()) for stream, scanner in self._scanners.items()]
        return [frame for frame in rests if frame.data]

    def _event_of(self, message: bytes) -> Event | None:
        kind_bytes, _, said = message.partition(b" ")
        kind = kind_bytes.decode("ascii", "replace")
        if not self._has_cell:
            return self._event_before_cell(kind, said)
        if kind == "background":
            exit_code, _, count = said.partition(b" ")
            if (code := _number(exit_code)) is None or (number := _number(count)) is None:
                return None
            return Background(code, number)
        if kind == "end":
            return None if (code := _number(said)) is None else ToldEnd(code)
        try:
            handover = self._parts.feed(kind, said)
        except DamagedHandover:
            return HandedOver(None)
        return None if handover is None else HandedOver(handover)

    def _event_before_cell(self, kind: str, said: bytes) -> Event | None:
        text = said.decode("utf-8", "replace")
        if not self._is_started:
            started = _started(kind, said)
            self._is_started = started is not None
            return started
        if kind == "go":
            return Ready()
        if kind == "gone":
            return FolderLost(text)
        if kind == "failed":
            self._failed = tuple(name for name in text.split("/") if name)
        elif kind == "cell":
            self._has_cell = True
            for scanner in self._scanners.values():
                scanner.only(self._marks.secret)
            return HasCell(text, self._failed)
        return None


def greeting_pid(message: bytes) -> int | None:
    """Return the PID that the first message of a driver names; None where it names none."""
    kind, _, said = message.partition(b" ")
    started = _started(kind.decode("ascii", "replace"), said)
    return None if started is None else started.pid


def _started(kind: str, said: bytes) -> Started | None:
    pid, _, folder = said.partition(b" ")
    if kind != "start" or (number := _number(pid)) is None:
        return None
    return Started(number, folder.decode("utf-8", "replace"))


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) <= _MAX_DIGITS else None
