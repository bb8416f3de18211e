"""Values of the engine's JSON: checked, bounded, and encodable.

Numbers have at most 64 bits, text is made encodable, and a value of the wrong type raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dexec_kernel.errors import ProtocolError

_MAX_NUMBER, _MAX_PID = 2**63, 2**31 - 1
#: In characters: what an error shows of an answer.
_SHOWN = 200


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what goes wrong inside into a :class:`ProtocolError` that names ``what``."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"{type(error).__name__}: {str(error)[:_SHOWN]}"
        raise ProtocolError(f"The engine's {what} cannot be read: {reason}.") from error


def as_text(value: Any) -> str:
    """Return encodable text, "" for None. Raises TypeError if it is not text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text belongs")
    if not value.isascii():
        return value.encode("utf-8", "replace").decode()  # A lone surrogate becomes "?".
    return value


def as_name(value: Any) -> str:
    """Return text that is not empty."""
    if not (text := as_text(value)):
        raise ValueError("a name or id is empty")
    return text


def as_number(value: Any) -> int | None:
    """Return a number, None for None. Raises TypeError if it is not one."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= _MAX_NUMBER:
        raise TypeError("no number of 64 bits")
    return int(value)


def as_pid(value: Any) -> int | None:
    """Return the number of a process, None for None and 0. Raises TypeError if it is not one."""
    number = as_number(value)
    if number is not None and not 0 <= number <= _MAX_PID:
        raise TypeError("no number of a process")
    return number or None


def as_flag(value: Any) -> bool:
    """Return a truth value, false for None. Raises TypeError if it is none."""
    if value is None:
        return False
    if not isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} where true or false belongs")
    return value


def as_list(value: Any) -> Sequence[Any]:
    """Return a list, an empty one for None."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} where a list belongs")
    return value


def as_labels(value: Any) -> dict[str, str]:
    """Return a dictionary of texts, an empty one for None."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"{type(value).__name__} where labels belong")
    return {as_text(name): as_text(text) for name, text in value.items()}
