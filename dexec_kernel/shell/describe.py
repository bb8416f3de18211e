"""The description of a word by the container's shell; the word is never evaluated."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from dexec_kernel.shell.ask import Ask
from dexec_kernel.shell.complete import CompletionContext, read_variables
from dexec_kernel.shell.language.cursor import Cursor, Kind, find_cursor

#: The end of a word, for a cursor in the middle of it.
_rest_of_word = re.compile(r"[^\s;&|<>()'\"`$\\{}]*")
_secret = re.compile(r"KEY|TOKEN|PASS|SECRET|CREDENTIAL|AUTH|_PWD", re.IGNORECASE)
_command_name = re.compile(r"[\w.:+@%/\[\]!{}][\w.:+@%/\[\]!{}-]*")
_Look = Callable[[str, str, str], Awaitable[str]]
#: In characters: what is shown of a value.
_MAX_VALUE = 1000


async def describe(
    text: str,
    position: int,
    *,
    ask: Ask,
    context: CompletionContext,
) -> str:
    """Say what the word at ``position`` is, "" for nothing. Raises what ``ask`` raises."""
    rest = _rest_of_word.match(text, position)
    cursor = find_cursor(text, rest.end() if rest else position)

    async def look(kind: str, name: str, home: str) -> str:
        arguments = [kind, context.cwd or "", home, name]
        answer = await ask("describe.sh", arguments)
        return answer or ""

    if cursor.kind in {Kind.VARIABLE, Kind.NAME}:
        return await _variable(cursor.value, context, look) if cursor.value else ""
    is_command = cursor.kind in {Kind.COMMAND, Kind.PROGRAM}
    if cursor.value and "\0" not in cursor.value and not is_command:
        found = await look("file", *_path(cursor))
        if found:
            return found.strip()
    name = cursor.value if is_command and cursor.value else cursor.command
    if name in context.functions:
        return f"{name} is a function of this session"
    if name in context.aliases:
        return f"{name} is an alias of this session"
    if not _command_name.fullmatch(name):
        return ""
    if is_command and cursor.is_home:
        return (await look("file", *_path(cursor))).strip()
    return (await look("command", name, "")).strip()


def is_secret(name: str) -> bool:
    """Return whether a variable's name says that its value is for no one's eyes."""
    return _secret.search(name) is not None


def _path(cursor: Cursor) -> tuple[str, str]:
    if cursor.is_home:
        return cursor.value.removeprefix("~").lstrip("/"), "~"
    return cursor.value, ""


async def _variable(name: str, context: CompletionContext, look: _Look) -> str:
    if is_secret(name):
        return f"{name} is a variable; its name looks like that of a secret, so no value is shown"
    answer = await look("variable", name, "")
    form, _, listing = answer.partition("\n")
    value = read_variables(answer).get(name) if form == "set" else listing.strip()
    if value is None or (form == "declare" and not value):
        return f"{name} is a variable of this session" if name in context.variables else ""
    shown = value if form == "declare" else f"{name}={value}"
    return shown if len(shown) <= _MAX_VALUE else f"{shown[:_MAX_VALUE]}…"
