"""An answer as a whole: its status, its JSON, the message of an error.

JSON is not trusted: its nesting is bounded, and so are its numbers, by Python itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dexec_kernel.engine.http.address import Address
from dexec_kernel.errors import EngineUnavailable, ProtocolError

#: Redirects are errors, too: the engine redirects only malformed paths.
FIRST_ERROR_STATUS = 300
#: In characters: what is shown of an error's message.
MAX_MESSAGE = 2_000
#: How many lists and objects may be inside each other.
MAX_DEPTH = 100
#: How many values an answer may have: each takes far more memory than its text.
MAX_VALUES = 1_000_000
#: In characters: what an error shows of an answer.
_SHOWN = 200
_page = re.compile(r"\s*<(!doctype html|html)\b", re.IGNORECASE)
_title = re.compile(r"<title\b[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the engine. ``headers`` are found by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON. Raises :class:`ProtocolError`."""
        return parse(self.body)


def parse(body: bytes, what: str = "answer") -> Any:
    """Return JSON as Python has it. Raises :class:`ProtocolError`; ``what`` is named in it."""
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise ProtocolError(f"The engine's {what} has more than {MAX_VALUES:,} values.")
    try:
        content = json.loads(body)
        if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
            _check_depth(content)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"The engine's {what} is not JSON: {shown(body)}.") from error
    return content


def message_of(body: bytes) -> str:
    """Return the message in an error answer's body: ``{"message": …}``, or its plain text.

    Of a long one only the beginning, of an HTML page, as a proxy's, the title.
    """
    if page := _page_of(body):
        return f"{page}."
    text = body.decode("utf-8", "replace").strip()
    try:
        content = parse(body)
    except ProtocolError:
        content = None
    if isinstance(content, dict):
        text = str(content.get("message") or content.get("cause") or text)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]} …"


def shown(body: bytes) -> str:
    """Return the beginning of an answer that cannot be understood, for an error."""
    return _page_of(body) or repr(body[:_SHOWN].decode("utf-8", "replace"))


def _page_of(body: bytes) -> str:
    """Return the words for an HTML page, which no engine sends, and "" for anything else."""
    text = body[:MAX_MESSAGE].decode("utf-8", "replace")
    if not _page.match(text):
        return ""
    title = " ".join(found[1].split()) if (found := _title.search(text)) else ""
    return f"a web page, {title[:_SHOWN]!r}" if title else "a web page"


def no_answer(
    address: Address, seconds: float, what: str, *, subject: str = ""
) -> EngineUnavailable:
    """Return the error for a call without an answer in time; it may be about ``subject``."""
    message = f"The {address.noun} at {address.url} did not answer within {seconds:g} s ({what})."
    again = ""
    if address.is_tunnel:
        message += " Its connection may be frozen."
        again = "Try again: that makes a new connection. "
    if not subject:
        return EngineUnavailable(message, advice=f"{again}{address.advice}")
    return EngineUnavailable(
        f"{message} It may be stuck on {subject} alone.",
        advice=f"{again}If it answers about others, restart {subject}; if that hangs too, restart"
        " the engine.",
    )


def _check_depth(content: Any) -> None:
    """Raise ValueError for what is nested too deeply: printing it recurses."""
    level = [content] if isinstance(content, dict | list) else []
    for _ in range(MAX_DEPTH):
        children = [v.values() if isinstance(v, dict) else v for v in level]
        level = [v for values in children for v in values if isinstance(v, dict | list)]
        if not level:
            return
    raise ValueError("nested too deeply")
