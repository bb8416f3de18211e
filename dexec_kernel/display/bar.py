"""The status bar of a cell: a function from what is known to HTML and to text. No I/O.

One line, readable in light and dark: it takes the colours of the page and adds only a mark for how
the cell went, which is said in words as well. The styles stand in the tags because a stored
notebook has no stylesheet of ours, and they are of those that JupyterLab leaves in a notebook that
is not trusted. Where even these are taken away, plain words with dots between them are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from dexec_kernel.cells.outcome import Snapshot, State, describe_exit
from dexec_kernel.display.text import one_line

#: In pixels: the height of a bar, live or static, so that nothing moves when one becomes the other.
HEIGHT = 22

_MILLI, _MINUTE, _HOUR = 1000, 60, 3600
_KIB = 1024
_SHORT_ID = 12
#: In characters: what is not longer than this is shown whole.
_SHORT = 12

#: Each has a contrast of 4.2 or more with white and with JupyterLab's dark background.
_GREEN, _RED, _AMBER, _BLUE = "#1a8a4e", "#d9402f", "#ad6800", "#2f7bd1"

# With its border the bar begins where JupyterLab's output text does, 8 pixels in. The font is named
# because a widget's HTML and a stored output have different ones.
_BAR_STYLE = (
    "display:flex;white-space:pre;overflow:hidden;box-sizing:border-box;"
    f"height:{HEIGHT}px;line-height:{HEIGHT}px;margin:0;padding:0 0 0 5px;"
    "font-family:system-ui,sans-serif;font-size:12px;border-left:3px solid "
)
_FIXED = "flex:0 0 auto"
_FAINT = "opacity:.65"


@dataclass(frozen=True, slots=True)
class _Look:
    """How a cell went at a glance: a sign for those who see no colour, a colour, and words."""

    sign: str
    colour: str
    words: str


@dataclass(frozen=True, slots=True)
class _Part:
    """One item of the bar; ``title`` is what a mouse that rests on it is told.

    Where the line is too short, long parts give way, and end in dots: those with more ``shrink``
    first.
    """

    text: str
    title: str
    shrink: int = 0


def bar_html(snapshot: Snapshot) -> str:
    """Return the bar as one HTML element. All that comes from outside is escaped."""
    look = _look(snapshot)
    sign = f'<span aria-hidden="true" style="color:{look.colour}">{look.sign}</span>'
    words = f'<span style="{_FIXED};font-weight:600">{sign} {escape(look.words)}</span>'
    items = [words, *(_item(part) for part in _parts(snapshot))]
    separator = f'<span aria-hidden="true" style="{_FIXED};opacity:.4"> · </span>'
    return (
        f'<div class="dexec-bar" role="group" aria-label="{escape(bar_text(snapshot))}"'
        f' style="{_BAR_STYLE}{look.colour}">{separator.join(items)}</div>'
    )


def bar_text(snapshot: Snapshot) -> str:
    """Return the bar as one line of text: the words that the HTML shows."""
    return " · ".join([_look(snapshot).words, *(part.text for part in _parts(snapshot))])


def _item(part: _Part) -> str:
    style = f"{_FIXED};{_FAINT}"
    if part.shrink and len(part.text) > _SHORT:
        style = (
            f"flex:0 {part.shrink} auto;min-width:5em;overflow:hidden;text-overflow:ellipsis;"
            f"{_FAINT}"
        )
    return f'<span title="{escape(part.title)}" style="{style}">{escape(part.text)}</span>'


def _parts(snapshot: Snapshot) -> list[_Part]:
    """Return what the bar says after how the cell went, the important things first."""
    running = snapshot.state is State.RUNNING
    pid = "…" if running else "unknown"
    if snapshot.pid is not None:
        pid = str(snapshot.pid)
    elif snapshot.state is State.NOT_STARTED:
        pid = "none"
    # Tenths that change every second would only flicker.
    seconds = format_duration(snapshot.duration, whole=running)
    container = one_line(snapshot.container)
    short_id = one_line(snapshot.container_id[:_SHORT_ID])
    image = one_line(snapshot.image) or "unknown"
    user = one_line(snapshot.user or "unknown")
    cwd = one_line(snapshot.cwd or "unknown")
    parts = [
        _Part(seconds, "elapsed time"),
        _Part(f"PID {pid}", "the process's id on the engine's host"),
        _Part(container, f"container {container}, {short_id}", shrink=30),
        _Part(image, f"image {image}", shrink=1000),
        _Part(f"{user}@{cwd}", f"user {user}, folder {cwd}", shrink=1000),
    ]
    if snapshot.output_bytes >= _KIB:
        parts.append(_Part(format_size(snapshot.output_bytes), "stdout and stderr together"))
    if snapshot.log is not None:
        log = one_line(snapshot.log)
        title = f"the whole output, in a file on the machine of the kernel: {log}"
        parts.append(_Part(f"log {log}", title, shrink=100))
    if snapshot.note:
        note = one_line(snapshot.note)
        parts.append(_Part(note, note, shrink=1))
    return parts


def _look(snapshot: Snapshot) -> _Look:
    exit_code = snapshot.exit_code
    ending = ""
    if exit_code is not None:
        ending = one_line(describe_exit(exit_code, snapshot.exit_reason))
    match snapshot.state:
        case State.RUNNING:
            return _Look("●", _BLUE, "running")
        case State.EXITED if exit_code == 0:
            return _Look("✓", _GREEN, ending)
        case State.EXITED:
            return _Look("✗", _RED, ending or "exit code unknown")
        case State.INTERRUPTED:
            return _Look("■", _AMBER, f"interrupted, {ending or 'exit code unknown'}")
        case State.BACKGROUND:
            return _Look("●", _BLUE, "in the background")
        case State.TIMED_OUT:
            return _Look("■", _AMBER, f"timed out, {ending or 'exit code unknown'}")
        case State.NOT_STARTED:
            return _Look("✗", _RED, "not started" + (f", {ending}" if ending else ""))
        case State.LOST:
            return _Look("?", _RED, f"lost, {ending or 'exit code unknown'}")


def format_duration(seconds: float, *, whole: bool = False) -> str:
    """Return a duration as people say it: ``84 ms``, ``3.2 s``, ``2 min 05 s``, ``1 h 02 min``.

    ``whole`` leaves out fractions of a second, as a clock that ticks does.
    """
    if not whole:
        # Rounded before it is compared, or there would be 1000 ms and 60.0 s.
        if (milliseconds := round(seconds * _MILLI)) < _MILLI:
            return f"{milliseconds} ms"
        if (rounded := round(seconds, 1)) < _MINUTE:
            return f"{rounded:.1f} s"
    count = int(seconds) if whole else round(seconds)
    if count < _MINUTE:
        return f"{count} s"
    if count < _HOUR:
        return f"{count // _MINUTE} min {count % _MINUTE:02d} s"
    return f"{count // _HOUR} h {count % _HOUR // _MINUTE:02d} min"


def format_size(size: int) -> str:
    """Return a number of bytes as people read it: ``512 B``, ``1.5 KiB``, ``3.0 GiB``."""
    if size < _KIB:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB"):
        value /= _KIB
        # What would be shown as 1024.0 is one of the next unit.
        if round(value, 1) < _KIB:
            return f"{value:.1f} {unit}"
    return f"{value / _KIB:.1f} GiB"
