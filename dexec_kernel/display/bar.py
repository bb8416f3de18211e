"""The status bar of a cell: a function from a snapshot to HTML and to text. No I/O."""

from __future__ import annotations

from dexec_kernel.backend.targets import KUBE_PREFIX, short_name
from dexec_kernel.cells.outcome import Snapshot, State, describe_exit
from dexec_kernel.display.html import Html, bundle
from dexec_kernel.display.line import AMBER, BLUE, GREEN, RED, Look, Part, line_html, line_text
from dexec_kernel.display.text import one_line
from dexec_kernel.display.times import span
from dexec_kernel.units import format_duration, format_size

_KIB = 1024
_SHORT_ID = 12
#: In characters: a note like "12.4 MiB left out" is shown whole.
_SHORT_NOTE = 24
#: The exit code of a shell that SIGKILL has ended.
_KILLED = 128 + 9
#: The looks of cells whose command has not ended, as far as is known.
_GOING = {
    State.RUNNING: Look("●", BLUE, "running"),
    State.BACKGROUND: Look("●", BLUE, "in the background"),
    State.DETACHED: Look("↗", BLUE, "detached"),
}


def bar_html(snapshot: Snapshot, *, is_news: bool = False) -> Html:
    """Return the bar as one HTML element.

    With ``is_news`` a screen reader says how the cell ended.
    """
    return line_html(look_of(snapshot), parts_of(snapshot), is_news=is_news)


def bar_text(snapshot: Snapshot) -> str:
    """Return the bar as one line of text: the words that the HTML shows."""
    return line_text(look_of(snapshot), parts_of(snapshot))


def bar_data(snapshot: Snapshot, *, is_news: bool = False) -> dict[str, str]:
    """Return the mime bundle of the bar, without the record."""
    look, parts = look_of(snapshot), parts_of(snapshot)
    return bundle(line_html(look, parts, is_news=is_news), line_text(look, parts))


def parts_of(snapshot: Snapshot) -> list[Part]:
    """Return what the bar says after how the cell went, the important things first."""
    running = snapshot.state is State.RUNNING
    # Tenths that change every second would only flicker.
    seconds = format_duration(snapshot.duration, whole=running)
    if running and snapshot.expected is not None:
        seconds += f" (about {format_duration(snapshot.expected, whole=True)} last time)"
    container = one_line(snapshot.container)
    short_id = one_line(snapshot.container_id[:_SHORT_ID])
    if snapshot.container.startswith(KUBE_PREFIX):
        short_id = one_line(f"pod {snapshot.container_id.rpartition('@')[2]}")
    image = one_line(snapshot.image) or "unknown"
    user = one_line(snapshot.user or "unknown")
    cwd = one_line(snapshot.cwd or "unknown")
    exec_id = one_line(snapshot.exec_id or "unknown")
    is_detached = snapshot.state is State.DETACHED
    detached = [Part(f"exec {exec_id[:_SHORT_ID]}", f"exec {exec_id}")] if is_detached else []
    parts = [Part(seconds, f"elapsed time, {span(snapshot.started, snapshot.ended)}")]
    if snapshot.note:
        note = one_line(snapshot.note)
        parts.append(Part(note, note, shrink=1 if len(note) > _SHORT_NOTE else 0))
    if snapshot.log is not None:
        log = one_line(snapshot.log)
        title = f"the whole output, in a file on the machine of the kernel: {log}"
        way = "" if snapshot.log_url else "; %log save NAME copies it"
        url = snapshot.log_url or ""
        parts.append(Part(f"log {log}", title + way, shrink=300, is_path=True, url=url))
    parts += [
        _pid_of(snapshot),
        *detached,
        Part(short_name(container), f"container {container}, {short_id}", shrink=30),
        Part(image, f"image {image}", shrink=1000),
        Part(f"{user}@{cwd}", f"user {user}, folder {cwd}", shrink=1000),
    ]
    if snapshot.output_bytes >= _KIB:
        parts.append(Part(format_size(snapshot.output_bytes), "stdout and stderr together"))
    return parts


def _pid_of(snapshot: Snapshot) -> Part:
    """Return the process's id, the one on the engine's host where that is known."""
    running, inner = snapshot.state is State.RUNNING, snapshot.inner_pid
    pid = "…" if running else "unknown"
    if snapshot.pid is not None:
        pid = str(snapshot.pid)
    elif snapshot.state is State.NOT_STARTED:
        pid = "none"
    if snapshot.container.startswith(KUBE_PREFIX):
        title = "the process's id in the container; Kubernetes does not tell the one on the node"
        return Part(f"PID {pid if inner is None else f'{inner} in the container'}", title)
    title = "the process's id on the engine's host"
    if inner is not None:
        title += f"; in the container it is {inner}"
        if running:
            pid += f" ({inner} in the container)"
    return Part(f"PID {pid}", title)


def look_of(snapshot: Snapshot) -> Look:
    """Return how a cell goes, or went, at a glance."""
    exit_code = snapshot.exit_code
    ending = ""
    if exit_code is not None:
        ending = one_line(describe_exit(exit_code, snapshot.exit_reason))
    match snapshot.state:
        case State.RUNNING | State.BACKGROUND | State.DETACHED:
            return _GOING[snapshot.state]
        case State.EXITED if exit_code == 0:
            return Look("✓", GREEN, ending)
        case State.EXITED:
            return Look("✗", RED, ending or "exit code unknown")
        case State.INTERRUPTED:
            how = "killed" if exit_code == _KILLED else "interrupted"
            return Look("■", AMBER, f"{how}, {ending or 'exit code unknown'}")
        case State.STOPPED:
            return Look("■", AMBER, f"stopped, {ending or 'exit code unknown'}")
        case State.TIMED_OUT:
            return Look("■", AMBER, f"timed out, {ending or 'exit code unknown'}")
        case State.NOT_STARTED:
            return Look("✗", RED, "not started" + (f", {ending}" if ending else ""))
        case State.LOST:
            return Look("?", RED, f"lost, {ending or 'exit code unknown'}")
