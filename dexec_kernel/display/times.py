"""Times of day, for programs and for people. No I/O."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(moment: float) -> str:
    """Return a moment, in seconds since the epoch, in ISO 8601 with milliseconds and a Z."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def time_of_day(moment: float) -> str:
    """Return a moment on the clock of the kernel's machine: ``12:00:03``."""
    return f"{datetime.fromtimestamp(moment).astimezone():%H:%M:%S}"


def span(started: float, ended: float | None) -> str:
    """Return a time span with the date and the time zone of the kernel's machine.

    ``2026-01-31 12:00:03 to 12:00:05 CET``, or ``since …`` where ``ended`` is None.
    """
    begin = datetime.fromtimestamp(started).astimezone()
    if ended is None:
        return f"since {begin:%Y-%m-%d %H:%M:%S %Z}"
    end = datetime.fromtimestamp(ended).astimezone()
    form = "%H:%M:%S %Z" if begin.date() == end.date() else "%Y-%m-%d %H:%M:%S %Z"
    return f"{begin:%Y-%m-%d %H:%M:%S} to {end:{form}}"
