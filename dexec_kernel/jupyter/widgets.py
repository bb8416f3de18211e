"""Widgets that the front end opens; ipywidgets is imported when it does."""

from __future__ import annotations

from typing import Any

WIDGET_TARGET = "jupyter.widget"
#: The sessions of front ends that have asked for widgets, by the kernel's one comm manager.
_sessions: set[str] = set()


def note_session(message: dict[str, Any]) -> None:
    """Take note that the front end of a message shows widgets."""
    _sessions.add(str(message["header"].get("session")))


def shows_widgets(session: str) -> bool:
    """Return whether the front end of a session is known to show widgets."""
    return session in _sessions


def takes_lines(message: dict[str, Any]) -> bool:
    """Return whether a field in a bar gets the Enter key in the front end of a cell's request.

    JupyterLab's consoles keep it for their own prompt. JupyterLab names a cell in the metadata of
    each request, and a notebook's request has the cells that were deleted as well.
    """
    metadata = message.get("metadata") or {}
    return "cellId" not in metadata or "deletedCells" in metadata


def open_widget(opened: Any, message: dict[str, Any]) -> None:
    """Open a widget from the front end."""
    import ipywidgets  # noqa: PLC0415

    ipywidgets.Widget.handle_comm_opened(opened, message)
