"""The faults of a connection to an engine, for ``tests.faulty_proxy``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from tests.faulty_proxy import AnswerFault, Link, StreamFault

MEGABYTE = 1_000_000
_body_length = re.compile(rb"(?im)^content-length: *\d+\r\n")

# --- answers --------------------------------------------------------------------------------------


def _after(spoil: Callable[[bytes, bytes], bytes], *, then: str = "hang up") -> AnswerFault:
    """Let the engine do what it was asked, then send something else than its answer."""

    async def fault(link: Link, request: bytes) -> None:
        await link.forward(request)
        head, body = await link.answer()
        await link.send(spoil(head, body))
        if then == "stall":
            await link.stall()
        if then == "reset":
            link.reset()
        link.hang_up()

    return fault


def reply(content: bytes, status: bytes = b"200 OK", kind: bytes = b"application/json") -> bytes:
    """Return a whole answer."""
    lines = [b"HTTP/1.1 " + status, b"Content-Type: " + kind, b"Content-Length: %d" % len(content)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


def _says(
    content: bytes, status: bytes = b"200 OK", kind: bytes = b"application/json"
) -> AnswerFault:
    return _after(lambda _head, _body: reply(content, status, kind))


async def refused(link: Link, _request: bytes) -> None:
    """Hang up before the engine hears of it."""
    link.hang_up()


async def reset_before(link: Link, _request: bytes) -> None:
    """Reset before the engine hears of it."""
    link.reset()


async def stalled_before(link: Link, _request: bytes) -> None:
    """Never answer, and never ask the engine."""
    await link.stall()


async def slow(link: Link, request: bytes) -> None:
    """Pass the answer on one byte at a time."""
    await link.forward(request)
    head, body = await link.answer()
    await link.send(head + body, slowly=True)
    link.hang_up()


def _longer(more: int) -> Callable[[bytes, bytes], bytes]:
    def spoil(head: bytes, body: bytes) -> bytes:
        length = b"Content-Length: %d\r\n" % max(0, len(body) + more)
        return _body_length.sub(length, head) + body

    return spoil


def _chunks(chunks: bytes) -> AnswerFault:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return _after(lambda _head, _body: head + chunks)


_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_BIG_PAGE = b"<html>" + b"<p>Bad Gateway</p>" * (5 * MEGABYTE // 18)
_HTML = b"text/html"

#: Faults after which an answer never comes; each takes as long as the client's patience.
STALLS: dict[str, AnswerFault] = {
    "stalled before": stalled_before,
    "stalled after": _after(lambda _head, _body: b"", then="stall"),
    "stalled in the head": _after(lambda head, _body: head[: len(head) // 2], then="stall"),
    "stalled in the body": _after(lambda head, body: head + body[: len(body) // 2], then="stall"),
}

#: Faults of an answer that show at once.
ANSWERS: dict[str, AnswerFault] = {
    "refused": refused,
    "reset before": reset_before,
    "unanswered": _after(lambda _head, _body: b""),
    "reset after": _after(lambda _head, _body: b"", then="reset"),
    "cut in the head": _after(lambda head, _body: head[: len(head) // 2]),
    "cut in the body": _after(lambda head, body: head + body[: len(body) // 2]),
    "reset in the body": _after(lambda head, body: head + body[: len(body) // 2], then="reset"),
    "garbage": _after(lambda _head, _body: bytes(range(256)) * 4),
    "another protocol": _after(lambda _head, _body: b"SSH-2.0-OpenSSH_9.2\r\n"),
    "page": _says(_PAGE, b"502 Bad Gateway", _HTML),
    "page of 5 MB": _says(_BIG_PAGE, b"502 Bad Gateway", _HTML),
    "page in place of JSON": _says(_PAGE, kind=_HTML),
    "page of 5 MB in place of JSON": _says(_BIG_PAGE, kind=_HTML),
    "error": _says(b'{"message":"out of luck"}', b"500 Internal Server Error"),
    "error with a message that is no text": _says(b'{"message":[{"a":1}]}', b"500 Oops"),
    "error with a lone surrogate": _says(b'{"message":"\\ud800"}', b"500 Oops"),
    "huge head": _after(
        lambda _head, body: b"HTTP/1.1 200 OK\r\nX: " + b"x" * (2 * MEGABYTE) + b"\r\n\r\n" + body
    ),
    "many heads": _after(
        lambda _head, body: b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300_000 + b"\r\n" + body
    ),
    "length too short": _after(_longer(-5)),
    "length too long": _after(_longer(5)),
    "length of nonsense": _after(
        lambda head, body: _body_length.sub(b"Content-Length: many\r\n", head) + body
    ),
    "two lengths": _after(
        lambda head, body: (
            _body_length.sub(b"Content-Length: 3\r\nContent-Length: 5\r\n", head) + body
        )
    ),
    "chunks of nonsense": _chunks(b"zz\r\n{}\r\n0\r\n\r\n"),
    "chunk that is cut": _chunks(b"ff\r\n{}"),
    "chunk of any length": _chunks(b"f" * 60 + b"\r\n{}"),
    "no JSON": _says(b"{'Id': 1"),
    "nothing": _says(b""),
    "null": _says(b"null"),
    "a list": _says(b"[]"),
    "an empty object": _says(b"{}"),
    "nested": _says(b"[" * 100_000 + b"]" * 100_000),
    "huge number": _says(b'{"Id": ' + b"9" * 5_000 + b"}"),
    "lone surrogate": _says(b'{"Id": "\\ud800", "ID": "\\udfff", "Running": "\\ud800"}'),
    "no UTF-8": _says(b'{"Id": "\xff\xfe"}'),
    "types that are wrong": _says(
        b'{"Id": 1, "ID": [], "Running": {}, "ExitCode": "0", "Pid": 1e300, "ContainerID": null}'
    ),
}

# --- streams --------------------------------------------------------------------------------------


async def cut_in_header(link: Link, frame: bytes) -> bytes:
    await link.send(frame[:5])
    return await _end(link)


async def cut_in_frame(link: Link, frame: bytes) -> bytes:
    await link.send(frame[: 8 + (len(frame) - 8) // 2])
    return await _end(link)


async def cut_before(link: Link, _frame: bytes) -> bytes:
    """End the kernel's side cleanly between two frames; the engine notices nothing."""
    return await _end(link)


async def cut_after(link: Link, frame: bytes) -> bytes:
    await link.send(frame)
    return await _end(link)


async def closed_on_both_sides(link: Link, _frame: bytes) -> bytes:
    """End both sides cleanly between two frames."""
    link.hang_up()
    return b""


async def closed_after(link: Link, frame: bytes) -> bytes:
    await link.send(frame)
    link.hang_up()
    return b""


async def reset(link: Link, _frame: bytes) -> bytes:
    link.reset()
    return b""


async def stalls(link: Link, _frame: bytes) -> bytes:
    """Nothing more comes, and nothing ends; the engine's words are read and dropped."""
    while await link.engine_reader.read(65536):
        pass
    await asyncio.Event().wait()
    return b""


async def garbage(link: Link, _frame: bytes) -> bytes:
    await link.send(bytes(range(255, 100, -1)))
    return await _end(link)


async def text_in_place(link: Link, _frame: bytes) -> bytes:
    await link.send(reply(_PAGE, b"502 Bad Gateway", _HTML))
    return await _end(link)


async def fault_of_the_engine(link: Link, _frame: bytes) -> bytes:
    """A frame of type 3."""
    await link.send(b"\3\0\0\0\0\0\0\x0bout of luck")
    return await _end(link)


async def repeated(_link: Link, frame: bytes) -> bytes:
    return frame + frame


async def _end(link: Link) -> bytes:
    await link.leave_to_engine()
    return b""


#: Faults that end a stream.
CUTS: dict[str, StreamFault] = {
    "cut in a header": cut_in_header,
    "cut in a frame": cut_in_frame,
    "cut before a frame": cut_before,
    "cut after a frame": cut_after,
    "closed on both sides": closed_on_both_sides,
    "closed on both sides after a frame": closed_after,
    "reset": reset,
    "garbage": garbage,
    "page": text_in_place,
    "engine's own fault": fault_of_the_engine,
}
