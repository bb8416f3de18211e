"""The status bar of the whole kernel: a function from its state to HTML and to text. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from dexec_kernel.backend.targets import short_name
from dexec_kernel.cells.outcome import Snapshot
from dexec_kernel.display.bar import look_of
from dexec_kernel.display.containers import Choice
from dexec_kernel.display.html import Html
from dexec_kernel.display.line import AMBER, BLUE, GREY, Look, Part, line_html, line_text
from dexec_kernel.display.text import one_line
from dexec_kernel.units import format_duration


@dataclass(frozen=True, slots=True)
class KernelState:
    """The state of a kernel at one moment.

    ``running`` is the running cell, ``last`` the last finished one, each None if there is no such
    cell. ``folder`` is the folder of the next cell. ``standby`` counts the execs that are ready.
    ``notice`` is a further message, such as that the container is being restarted. After the
    kernel ``has_ended``, the bar remains, without the list of containers.
    """

    choice: Choice
    running: Snapshot | None = None
    last: Snapshot | None = None
    folder: str = ""
    standby: int = 0
    notice: str = ""
    has_ended: bool = False


def kernel_bar_html(state: KernelState) -> Html:
    """Return the bar as one HTML element."""
    return line_html(_look(state), _parts(state), border=state.has_ended)


def kernel_bar_text(state: KernelState) -> str:
    """Return the bar as one line of text."""
    return line_text(_look(state), _parts(state))


def _look(state: KernelState) -> Look:
    if state.has_ended:
        return Look("○", GREY, "kernel ended")
    if state.running is not None:
        return Look("●", BLUE, "running")
    if state.choice.trouble:
        return Look("■", AMBER, one_line(state.choice.trouble))
    if not state.choice.current:
        return Look("○", AMBER, "no container")
    return Look("○", GREY, "idle")


def _parts(state: KernelState) -> list[Part]:
    parts = []
    if state.has_ended and state.choice.current:
        container = one_line(state.choice.current)
        parts.append(Part(short_name(container), f"container {container}", shrink=30))
    shown = state.running or state.last
    if state.notice:
        notice = one_line(state.notice)
        parts.append(Part(notice, notice, shrink=1))
    if state.running is not None:
        seconds = format_duration(state.running.duration, whole=True)
        parts.append(Part(seconds, "elapsed time"))
    elif state.last is not None:
        ending = look_of(state.last)
        seconds = format_duration(state.last.duration)
        words = f"last cell: {ending.sign} {ending.words}"
        parts.append(Part(words, f"how the last cell ended, after {seconds}"))
    if shown is not None:
        elsewhere = ""
        if shown.container != state.choice.current:
            elsewhere = f" in {short_name(one_line(shown.container))}"
        pid = "…" if state.running is not None else "unknown"
        pid = pid if shown.pid is None else str(shown.pid)
        parts.append(Part(f"PID {pid}{elsewhere}", "the process's id on the engine's host"))
    if state.folder:
        folder = one_line(state.folder)
        parts.append(Part(f"in {folder}", f"the next cell begins in {folder}", shrink=100))
    if state.standby:
        count = f"{state.standby} exec{'s' * (state.standby != 1)}"
        title = f"the next cell begins at once: started ahead for it: {count}"
        parts.append(Part("ready", title))
    return parts
