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


def open_widget(opened: Any, message: dict[str, Any]) -> None:
    """Open a widget from the front end."""
    import ipywidgets  # noqa: PLC0415

    ipywidgets.Widget.handle_comm_opened(opened, message)
