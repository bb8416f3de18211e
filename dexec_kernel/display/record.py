"""The record of a cell: what a program reads of it in a stored notebook."""

from __future__ import annotations

from typing import Any

from dexec_kernel.cells.outcome import Snapshot, State
from dexec_kernel.display.times import utc

MIME_TYPE = "application/vnd.dexec.exec+json"


def record_of(snapshot: Snapshot) -> dict[str, Any]:
    """Return the record. Unknown values are None; times are UTC in ISO 8601."""
    return {
        "container": snapshot.container,
        "container_id": snapshot.container_id,
        "image": snapshot.image,
        "exec_id": snapshot.exec_id,
        "pid": snapshot.pid,
        "exit_code": snapshot.exit_code,
        "state": snapshot.state.value,
        "started": utc(snapshot.started),
        "ended": None if snapshot.ended is None else utc(snapshot.ended),
        "duration_s": round(snapshot.duration, 3),
        "user": snapshot.user,
        "cwd": snapshot.cwd,
        "timed_out": snapshot.state is State.TIMED_OUT,
        "output_bytes": snapshot.output_bytes,
        "log": snapshot.log,
    }
