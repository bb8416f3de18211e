"""Tables of a TOML file: typed values, and every problem at once. No I/O.

Each problem names the key and says what would be right.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeGuard, TypeVar

_T = TypeVar("_T")

_LARGEST = 10**15

_KINDS = {
    bool: "true or false",
    dict: "a table",
    float: "a number",
    int: "a number",
    list: "a list",
    str: "text",
}


def read_toml(content: bytes) -> dict[str, object]:
    """Parse a file. Raises ValueError, whose text says what is wrong and where."""
    try:
        # Editors of Windows begin a file with a byte order mark.
        return tomllib.loads(content.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        # Of a key that is there twice the parser says that a value cannot be overwritten.
        is_twice = str(error).startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate"))
        meaning = "; that key or table is there already" if is_twice else ""
        raise ValueError(f"it is not TOML: {error}{meaning}") from error
    except RecursionError as error:
        raise ValueError("its values are nested too deeply") from error


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number that can be reckoned with."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    # TOML has infinity, nan, and numbers of any length.
    return is_one and -_LARGEST <= value <= _LARGEST  # type: ignore[operator] # it is one


class Table:
    """One table. A key that is read is a known key; :meth:`end` reports all others.

    A value of the wrong kind is added to ``problems``, and its default is returned instead.
    """

    def __init__(
        self, content: Mapping[str, object], *, problems: list[str], name: str = ""
    ) -> None:
        self._content = content
        self._known: list[str] = []
        self.problems = problems
        self.name = name

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def path(self, key: str) -> str:
        """Return the key with the names of the tables that it is in."""
        return f"{self.name}.{key}" if self.name else key

    def wrong(self, key: str, right: str, *, is_secret: bool = False) -> None:
        """Note that the value of a key is not what it should be; a secret value is not shown."""
        value = self._content.get(key)
        is_text = is_secret and isinstance(value, str)
        shown = _KINDS[str] if is_text else _shown(value)
        self.problems.append(f"{self.path(key)} is {shown}, and should be {right}")

    def text(self, key: str, default: str = "") -> str:
        """Return a text."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        self.wrong(key, "text in quotes")
        return default

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """Return one of the ``choices``, which are texts."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, str) and value in choices:
            return value
        near = get_close_matches(str(value), choices, 1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        self.wrong(key, f"one of {', '.join(map(repr, choices))}{meant}")
        return default

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self.wrong(key, "true or false, without quotes")
        return default

    def number(self, key: str, *, above: float, right: str) -> float | None:
        """Return a number greater than ``above``, None where the key is missing."""
        value = self._take(key)
        if value is None or (is_number(value) and value > above):
            return value
        self.wrong(key, right)
        return None

    def whole_number(self, key: str, *, least: int, right: str) -> int | None:
        """Return a whole number of at least ``least``, None where the key is missing."""
        value = self._take(key)
        if value is None:
            return None
        if is_number(value) and isinstance(value, int) and value >= least:
            return value
        self.wrong(key, right)
        return None

    def texts(self, key: str, right: str) -> tuple[str, ...] | None:
        """Return a list of texts, none of them empty; None where the key is missing."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
            return tuple(value)
        self.wrong(key, f"a list of texts: {right}")
        return None

    def read(
        self,
        key: str,
        reader: Callable[[object], _T | None],
        right: str,
        *,
        is_secret: bool = False,
    ) -> _T | None:
        """Return what ``reader`` makes of a value, None where the key is missing.

        ``reader`` returns None for a value that is not ``right``, or raises ValueError with a
        sentence that says more. No problem shows a secret value.
        """
        value = self._take(key)
        if value is None:
            return None
        try:
            found = reader(value)
        except ValueError as error:
            self.problems.append(f"{self.path(key)}: {error}")
            return None
        if found is None:
            self.wrong(key, right, is_secret=is_secret)
        return found

    def table(self, key: str) -> Table:
        """Return the table of a key; an empty one where it is missing."""
        value = self._take(key)
        if value is not None and not isinstance(value, dict):
            self.wrong(key, f"a table: [{self.path(key)}]")
            value = None
        return Table(value or {}, problems=self.problems, name=self.path(key))

    def end(self, foreign: Mapping[str, str] | None = None) -> None:
        """Report each key that was not read, with the nearest known one.

        ``foreign`` has words for keys that others would have here.
        """
        for key in self._content:
            if key in self._known:
                continue
            near = get_close_matches(key.lower(), self._known, 1, 0.5)
            meant = f"did you mean {self.path(near[0])}?" if near else ""
            meant = (foreign or {}).get(key, meant)
            known = f"the keys here are {', '.join(sorted(self._known))}"
            self.problems.append(f"{self.path(key)} is not a key; {meant or known}")

    def _take(self, key: str) -> object | None:
        self._known.append(key)
        return self._content.get(key)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) or is_number(value):
        return str(value)
    if isinstance(value, int):
        return "too large a number"
    return _KINDS.get(type(value), type(value).__name__)
