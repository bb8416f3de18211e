"""Sizes and durations in words, the same ones everywhere."""

from __future__ import annotations

_KIB = 1024
_UNITS = ("KiB", "MiB", "GiB", "TiB")
_MILLI, _MINUTE, _HOUR = 1000, 60, 3600


def format_size(size: float) -> str:
    """Return a number of bytes in words: ``512 B``, ``1.5 KiB``, ``3.0 GiB``."""
    # Rounded before it is compared, or there would be 1024 B and 1024.0 KiB.
    if (count := round(size)) < _KIB:
        return f"{count} B"
    value = size / _KIB
    *smaller, largest = _UNITS
    for unit in smaller:
        if round(value, 1) < _KIB:
            return f"{value:.1f} {unit}"
        value /= _KIB
    return f"{value:.1f} {largest}"


def format_duration(seconds: float, *, whole: bool = False) -> str:
    """Return a duration in words: ``84 ms``, ``3.2 s``, ``2 min 05 s``, ``1 h 02 min``.

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
