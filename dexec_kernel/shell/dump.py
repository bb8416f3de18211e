"""What a shell has printed of itself, by name: variables, functions, aliases. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dexec_kernel.shell.names import NEVER_CARRIED, NEVER_CARRIED_FUNCTIONS, OURS
from dexec_kernel.shell.printed import statements, unquote

#: Each shell has its own values of these. What is printed within the value of another variable has
#: no such quotes: they are escaped there.
_own = rf"(?:{OURS}|BASHPID|EPOCHREALTIME|EPOCHSECONDS|PPID|RANDOM|SECONDS|SRANDOM)"
_own_in_bash = re.compile(rf'^declare -\S+ {_own}="[\w./-]*"\n'.encode(), re.MULTILINE)
_own_elsewhere = re.compile(rf"^{_own}='[\w./-]*'\n".encode(), re.MULTILINE)
_ours = re.compile(OURS)
_name = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
#: Flags of ``declare`` that keep a value as it is; "i", "l", "u" and "c" change it.
_steady_flags = b"-aAnrtx"
_function_name = re.compile(rb"declare -(\S+) (.+)\n")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: the command that sets it, and its value where it is exported."""

    text: bytes
    is_exported: bool
    exported: str | None
    is_readonly: bool


def steady(printed: bytes) -> bytes:
    """Return the printed variables without those that say which shell has printed them."""
    own = _own_in_bash if _is_bash(printed) else _own_elsewhere
    return own.sub(b"", printed)


def variables_of(printed: bytes) -> tuple[dict[str, Variable], list[str]]:
    """Return the variables by name, and the names of those that cannot be carried."""
    if _is_bash(printed):
        return _bash_variables(printed)
    values: dict[str, bytes] = {}
    attributes: dict[str, list[bytes]] = {}
    for statement in statements(printed):
        words = statement.words
        word = words[0] if words[0] in {b"export", b"readonly"} and len(words) > 1 else b""
        if word:
            name = words[1].partition(b"=")[0].decode("ascii", "replace")
            if not _name.fullmatch(words[1].partition(b"=")[0]):
                continue
            attributes.setdefault(name, []).append(word)
            continue
        name_bytes, is_set, value = statement.text.partition(b"=")
        if is_set and _name.fullmatch(name_bytes):
            values[name_bytes.decode()] = value
    found: dict[str, Variable] = {}
    dropped: list[str] = []
    for name in [*values, *(name for name in attributes if name not in values)]:
        if NEVER_CARRIED.fullmatch(name):
            continue
        given = values.get(name)
        if given is not None and not is_text(given):
            dropped.append(f"the variable {name}, which is no UTF-8")
            continue
        given_attributes = attributes.get(name, [])
        assigned = [] if given is None else [name.encode() + b"=" + given]
        lines = [*assigned, *(b"%s %s" % (word, name.encode()) for word in given_attributes)]
        is_exported = given is not None and b"export" in given_attributes
        text = unquote(given).decode("utf-8", "replace") if given is not None else None
        is_readonly = b"readonly" in given_attributes
        exported = text if is_exported else None
        found[name] = Variable(b"\n".join(lines), is_exported, exported, is_readonly)
    return found, dropped


def _is_bash(printed: bytes) -> bool:
    return b"\ndeclare " in b"\n" + printed[:200]


def _bash_variables(printed: bytes) -> tuple[dict[str, Variable], list[str]]:
    found: dict[str, Variable] = {}
    dropped: list[str] = []
    for statement in statements(printed):
        words = statement.words
        if len(words) < 3 or words[0] != b"declare":  # noqa: PLR2004 -- declare FLAGS NAME=VALUE
            continue
        name_bytes, is_set, _ = words[2].partition(b"=")
        name = name_bytes.decode("ascii", "replace")
        if NEVER_CARRIED.fullmatch(name) or words[2] == b'TERM="dumb"':
            continue
        if not is_text(statement.text):
            dropped.append(f"the variable {name}, which is no UTF-8")
            continue
        is_exported = b"x" in words[1]
        value = None
        if is_exported and is_set and not words[1].strip(b"-rx"):
            value = unquote(words[2].partition(b"=")[2]).decode("utf-8", "replace")
        text = statement.text
        if is_set and (changing := words[1].translate(None, _steady_flags)):
            text = _set_before(changing, statement.text, words[1], name_bytes)
        found[name] = Variable(text, is_exported and bool(is_set), value, b"r" in words[1])
    return found, dropped


def _set_before(changing: bytes, text: bytes, flags: bytes, name: bytes) -> bytes:
    """Return what sets a variable first, and then its flags that change what is assigned.

    Its value may be from before them: a folder's name, assigned to an integer, ends the shell.
    """
    flags_of_value = flags.translate(None, changing + b"-r")
    last = changing + (b"r" if b"r" in flags else b"")
    return b"\n".join(
        [
            b"declare +%s %s" % (changing, name),
            b"declare -%s " % (flags_of_value or b"-") + text.partition(flags + b" ")[2],
            b"declare -%s %s" % (last, name),
        ]
    )


def is_name(name: str) -> bool:
    """Return whether a shell may have a variable of this name; an environment has any."""
    return _name.fullmatch(name.encode("utf-8", "surrogateescape")) is not None


def is_text(value: bytes) -> bool:
    """Return whether bytes survive the engine's API, which is JSON."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def functions_of(printed: bytes) -> tuple[dict[str, bytes], list[str]]:
    """Return bash's functions by name, as commands that define them."""
    heads: list[tuple[bytes, bytes]] = []
    position = 0
    while match := _function_name.match(printed, position):
        heads.append((match[2], match[1]))
        position = match.end()
    found: dict[str, bytes] = {}
    dropped: list[str] = []
    for index, (name_bytes, flags) in enumerate(heads):
        begin = printed.find(b"()", position)
        following = heads[index + 1][0] if index + 1 < len(heads) else None
        end = len(printed) if following is None else _begin_of(printed, following, begin)
        body = printed[begin + 2 : end]
        if flags != b"f":
            body = body.removesuffix(b"declare -%s %s\n" % (flags, name_bytes))
        position = end
        name = name_bytes.decode("utf-8", "replace")
        if _ours.fullmatch(name):
            continue
        if name in NEVER_CARRIED_FUNCTIONS or not is_text(body) or not is_text(name_bytes):
            dropped.append(f"the function {name}")
            continue
        attributes = flags.replace(b"f", b"")
        # The body begins on the first line, as most people write it: errors name its lines.
        text = b" " + body.strip(b" \n")
        found[name] = b"function %s ()%s" % (name_bytes, text) + (
            b"\nbuiltin declare -f%s -- %s" % (attributes, quote(name_bytes)) if attributes else b""
        )
    return found, dropped


def _begin_of(printed: bytes, name: bytes, start: int) -> int:
    """Return where the function ``name`` begins: after the end of one, which may be redirected."""
    head = rb"(?:function )?" + re.escape(name) + rb" \(\) \n"
    for before in (rb"\n\}\n", rb"\n\} [^\n]*\n", rb"\n"):
        # Attributes are said after the function.
        whole = before + rb"(?:declare -f\S+ [^\n]+\n)?(?=" + head + b")"
        if match := re.compile(whole).search(printed, start):
            return match.end()
    return len(printed)


def aliases_of(printed: bytes) -> dict[str, bytes]:
    """Return words that define the aliases, by name: one command, as one may be for ``alias``."""
    found = {}
    for statement in statements(printed):
        words = [word for word in statement.words if word not in {b"alias", b"--"}]
        name, is_set, _ = (words[0] if words else b"").partition(b"=")
        if is_set and is_text(words[0]):
            found[unquote(name).decode("utf-8", "replace")] = words[0]
    return found


def quote(text: bytes) -> bytes:
    """Return a word that stands for ``text`` in any shell."""
    return b"'" + text.replace(b"'", b"'\\''") + b"'"
