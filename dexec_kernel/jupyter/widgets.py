"""Widgets that the front end opens, or asks for; ipywidgets is imported when it does."""

from __future__ import annotations

from typing import Any

#: The sessions of front ends that have asked for widgets, by the kernel's one comm manager.
_sessions: set[str] = set()


def shows_widgets(session: str) -> bool:
    """Return whether the front end of a session is known to show widgets."""
    return session in _sessions


def open_widget(opened: Any, message: dict[str, Any]) -> None:
    """Open a widget from the front end."""
    import ipywidgets  # noqa: PLC0415

    ipywidgets.Widget.handle_comm_opened(opened, message)


def open_widget_control(opened: Any, message: dict[str, Any]) -> None:
    """Answer a front end that asks for the state of all widgets, as JupyterLab does at first."""
    import ipywidgets  # noqa: PLC0415

    _sessions.add(str(message["header"].get("session")))

    ipywidgets.Widget.handle_control_comm_opened(opened, message)
