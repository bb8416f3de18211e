"""The bar of a cell as it is seen later: in a saved notebook, and after its kernel. No I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dexec_kernel.cells.outcome import Snapshot, State
from dexec_kernel.display.bar import parts_of
from dexec_kernel.display.html import Html, bundle
from dexec_kernel.display.line import AMBER, GREY, Look, Part, line_html, line_text
from dexec_kernel.display.record import MIME_TYPE, record_of
from dexec_kernel.display.times import span, time_of_day

_SAVED = Look("○", GREY, "had not ended when this was saved")
_RAN = Look("■", AMBER, "ended with its kernel")
_IN_BACKGROUND = Look("■", AMBER, "its kernel ended before its background processes")


def saved_html(snapshot: Snapshot) -> Html:
    """Return the bar for a saved notebook that shows no widgets: it stays true."""
    return line_html(_SAVED, _parts(snapshot))


def orphan_data(snapshot: Snapshot) -> dict[str, Any]:
    """Return the mime bundle of a cell, running or in the background, whose kernel is gone."""
    look = _IN_BACKGROUND if snapshot.state is State.BACKGROUND else _RAN
    parts = _parts(snapshot)
    record = record_of(snapshot)
    # When it ended nobody has seen.
    record |= {"state": State.INTERRUPTED.value, "ended": None, "duration_s": None}
    return {**bundle(line_html(look, parts), line_text(look, parts)), MIME_TYPE: record}


def _parts(snapshot: Snapshot) -> list[Part]:
    # Notes tell of a cell that runs, and logs go with their kernel.
    _, *others = parts_of(replace(snapshot, note="", log=None))
    started = Part(f"started {time_of_day(snapshot.started)}", span(snapshot.started, None))
    if snapshot.pid is None:
        others = [part for part in others if not part.text.startswith("PID ")]
    return [started, *others]
