"""Completion of shell text from inside the container. Typed text is never evaluated.

``cursor`` finds the word, ``complete.sh`` lists the candidates, and this module compares and quotes
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dexec_kernel.shell.ask import Ask
from dexec_kernel.shell.language.cursor import Cursor, Kind, find_cursor
from dexec_kernel.shell.language.quoting import closing, quote_rest

#: How many matches are shown at most.
MAX_MATCHES = 500
_TYPES = {"c": "command", "F": "function", "d": "folder", "f": "file"}
_SCRIPTS = {Kind.NAME: "variable", Kind.VARIABLE: "variable"}
#: A variable as `set` prints it; its value may have several lines, in quotes.
_listed = re.compile(
    r"""^(?P<name>[A-Za-z_]\w*)=(?P<value>(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^'"\\\n])*)$""",
    re.MULTILINE | re.ASCII | re.DOTALL,
)
_identifier = re.compile(r"[A-Za-z_]\w*", re.ASCII)
#: The variables that the script itself sets.
_OF_SCRIPT = frozenset({"mark", "kind", "folder", "base", "found", "count"})


@dataclass(frozen=True, slots=True)
class CompletionContext:
    """The session's folder and definitions, which a separate exec does not have."""

    cwd: str | None = None
    variables: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Match:
    """A text to insert, and its kind: a command, function, variable, file or folder."""

    text: str
    type: str


@dataclass(frozen=True, slots=True)
class Completions:
    """Matches for the text from ``start`` to ``end``, in code points."""

    matches: tuple[Match, ...]
    start: int
    end: int


async def complete(
    text: str,
    position: int,
    *,
    ask: Ask,
    context: CompletionContext,
) -> Completions:
    """Complete the word at ``position``. Raises what ``ask`` raises."""
    cursor = find_cursor(text, position)
    following = text[position : position + 1]
    found: list[tuple[str, str]] = []
    if cursor.kind is not Kind.NOTHING and "\0" not in cursor.value:
        answer = await ask("complete.sh", _arguments(cursor, context))
        if answer is not None:
            found = [*_of_session(cursor, context), *_read(cursor, answer)]
    texts: dict[str, str] = {}
    for name, kind in found:
        inserted = _inserted(cursor, name, kind, following)
        if inserted is not None and len(texts) < MAX_MATCHES:
            texts.setdefault(inserted, kind)
    matches = tuple(Match(text, kind) for text, kind in sorted(texts.items()))
    return Completions(matches, cursor.start, position)


def read_variables(answer: str) -> dict[str, str | None]:
    """Read a listing of variables; the values are quoted, or None for a name without a value."""
    form, _, listing = answer.partition("\n")
    if form == "names":
        return dict.fromkeys(listing.split())
    return {match["name"]: match["value"] for match in _listed.finditer(listing)}


def _arguments(cursor: Cursor, context: CompletionContext) -> list[str]:
    folder, base = _parts(cursor)
    kind = _SCRIPTS.get(cursor.kind, cursor.kind.value)
    home = "~" if cursor.is_home else ""
    if home:
        folder = folder.removeprefix("~/")
    return [kind, context.cwd or "", home, folder, base]


def _parts(cursor: Cursor) -> tuple[str, str]:
    """Return the folder of a path with its slash, and the beginning of the name in it."""
    if cursor.kind in _SCRIPTS or cursor.kind is Kind.COMMAND:
        return "", cursor.value
    folder, slash, base = cursor.value.rpartition("/")
    return folder + slash, base


def _read(cursor: Cursor, answer: str) -> Iterator[tuple[str, str]]:
    if cursor.kind in _SCRIPTS:
        names = sorted(read_variables(answer).keys() - _OF_SCRIPT)
        yield from _starting(names, cursor.value, "variable")
        return
    for entry in answer.split("/"):
        if entry:
            yield entry[1:], _TYPES[entry[0]]


def _of_session(cursor: Cursor, context: CompletionContext) -> Iterator[tuple[str, str]]:
    if cursor.kind is Kind.COMMAND:
        yield from _starting(context.functions, cursor.value, "function")
        yield from _starting(context.aliases, cursor.value, "command")
    elif cursor.kind in _SCRIPTS:
        yield from _starting(context.variables, cursor.value, "variable")


def _starting(names: Iterable[str], start: str, kind: str) -> Iterator[tuple[str, str]]:
    return ((name, kind) for name in names if name.startswith(start))


def _inserted(cursor: Cursor, name: str, kind: str, following: str) -> str | None:
    """Return the text to insert: the typed part, the rest of the name, and its closing quote."""
    base = _parts(cursor)[1]
    if cursor.kind is Kind.VARIABLE:
        end = "}" if cursor.raw.startswith("${") and following != "}" else ""
        rest = name[len(base) :] if _identifier.fullmatch(name) else None
        return None if rest is None else cursor.raw + rest + end
    if not _is_text(name):
        return None
    rest = quote_rest(name[len(base) :], cursor.quote, is_backquoted=cursor.is_backquoted)
    if rest is None:
        return None
    if kind == "folder":
        # The quote stays open, so that one can go on.
        return f"{cursor.raw}{rest}/"
    end = closing(cursor.quote)
    return cursor.raw + rest + (end if end != following else "")


def _is_text(name: str) -> bool:
    """Return whether a name can travel in a message, and be typed."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
