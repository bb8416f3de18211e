"""The status bar of a cell: a function from what is known to HTML and to text. No I/O.

One line, readable in light and dark: it takes the colours of the page and adds only a mark for how
the cell went, which is said in words as well. The styles stand in the tags because a stored
notebook has no stylesheet of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from dexec_kernel.cells.outcome import Snapshot, State, describe_exit

_MINUTE, _HOUR = 60, 3600
_KIB = 1024
_SHORT_ID = 12

_GREEN, _RED, _AMBER, _BLUE = "#2e9e5b", "#d9483b", "#c98a10", "#3b82d9"


@dataclass(frozen=True, slots=True)
class _Look:
    """How a cell went at a glance: a sign for those who see no colour, a colour, and words."""

    sign: str
    colour: str
    words: str


def bar_html(snapshot: Snapshot) -> str:
    """Return the bar as one HTML element. All that comes from outside is escaped."""
    look = _look(snapshot)
    badge = (
        f'<span style="color:{look.colour};font-weight:600">'
        f'<span aria-hidden="true">{look.sign}</span> {escape(look.words)}</span>'
    )
    parts = [badge]
    parts += [
        f'<span title="{escape(part.title)}">{_label(part.label)}{escape(part.value)}</span>'
        for part in _parts(snapshot)
    ]
    separator = '<span aria-hidden="true" style="opacity:.35"> · </span>'
    # In a notebook rendered as HTML elsewhere, the page's font size may be anything.
    return (
        f'<div role="group" aria-label="{escape(bar_text(snapshot))}" style="font-size:12px;'
        "line-height:1.5;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;"
        f"border-left:3px solid {look.colour};padding:1px 8px;"
        f'font-variant-numeric:tabular-nums">{separator.join(parts)}</div>'
    )


def bar_text(snapshot: Snapshot) -> str:
    """Return the bar as one line of text."""
    parts = [f"{part.label} {part.value}".strip() for part in _parts(snapshot)]
    return _one_line(" | ".join([_look(snapshot).words, *parts]))


@dataclass(frozen=True, slots=True)
class _Part:
    """One item of the bar; ``title`` is what a mouse that rests on it is told."""

    label: str
    value: str
    title: str


def _parts(snapshot: Snapshot) -> list[_Part]:
    pid = "…" if snapshot.state is State.RUNNING else "unknown"
    if snapshot.pid is not None:
        pid = str(snapshot.pid)
    elif snapshot.state is State.NOT_STARTED:
        pid = "none"
    parts = [
        _Part("PID", pid, "the process's id on the engine's host"),
        _Part("", snapshot.container, f"container {snapshot.container_id[:_SHORT_ID]}"),
        _Part("", snapshot.image, "image"),
        _Part("", f"{snapshot.user or 'unknown'}@{snapshot.cwd or 'unknown'}", "user and folder"),
        _Part("", format_duration(snapshot.duration), "elapsed time"),
    ]
    if snapshot.output_bytes >= _KIB:
        parts.append(_Part("", format_size(snapshot.output_bytes), "output"))
    if snapshot.note:
        parts.append(_Part("", snapshot.note, "note"))
    return [_Part(part.label, _one_line(part.value), part.title) for part in parts]


def _look(snapshot: Snapshot) -> _Look:
    exit_code = snapshot.exit_code
    ending = "" if exit_code is None else describe_exit(exit_code, snapshot.exit_reason)
    match snapshot.state:
        case State.RUNNING:
            return _Look("●", _BLUE, "running")
        case State.EXITED if exit_code == 0:
            return _Look("✓", _GREEN, ending)
        case State.EXITED:
            return _Look("✗", _RED, ending or "exit code unknown")
        case State.INTERRUPTED:
            return _Look("■", _AMBER, f"interrupted, {ending or 'exit code unknown'}")
        case State.NOT_STARTED:
            return _Look("✗", _RED, "not started" + (f", {ending}" if ending else ""))
        case State.LOST:
            return _Look("?", _RED, f"lost, {ending or 'exit code unknown'}")


def _label(label: str) -> str:
    return f'<span style="opacity:.6">{escape(label)}</span> ' if label else ""


def _one_line(text: str) -> str:
    """Return ``text`` without line ends and other control characters."""
    return "".join(char if char.isprintable() else " " for char in text)


def format_duration(seconds: float) -> str:
    """Return a duration as people say it: ``84 ms``, ``3.2 s``, ``2 min 05 s``, ``1 h 02 min``."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if seconds < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"


def format_size(size: int) -> str:
    """Return a number of bytes as people read it: ``512 B``, ``1.5 KiB``, ``3.0 GiB``."""
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if value < _KIB:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _KIB
    return f"{value:.1f} GiB"
