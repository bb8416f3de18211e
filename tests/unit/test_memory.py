"""Whatever the engine sends without end, a bounded part of it is kept."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from dexec_kernel.engine.http.answer import parse
from dexec_kernel.engine.http.calls import MAX_BODY
from dexec_kernel.errors import DexecError, ProtocolError
from dexec_kernel.shell.handover import DamagedHandover, HandoverParts
from dexec_kernel.shell.marks import MAX_MESSAGE, MarkScanner
from tests.unit.support.fake_engine import Handler

MIB = 1024 * 1024
PIECE = 64 * 1024
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def peak() -> Iterator[list[int]]:
    """Trace the memory of a test; it fails above the limit that the test sets, in bytes."""
    limit = [64 * MIB]
    tracemalloc.start()
    yield limit
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < limit[0], f"{most:,} bytes"


def endless(head: bytes, piece: bytes) -> Handler:
    """Send a head, then a piece again and again until the other side hangs up."""

    async def handle(_request, _reader, writer) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
        raise ConnectionResetError

    return handle


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


#: Heads and pieces of answers without end; those of a stream are not among the first.
IN_THE_HEAD = {
    "head": (b"HTTP/1.1 200 OK\r\nX: ", b"x" * PIECE),
    "heads": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 10_000),
    "status": (b"", b"x" * PIECE),
    "continue": (b"HTTP/1.1 100 Continue\r\nX: ", b"x" * PIECE),
    "error": (
        b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n",
        chunk(b"x" * PIECE),
    ),
    "chunk head": (CHUNKED, b"1" * PIECE),
}
IN_THE_BODY = {
    "list": (CHUNKED, chunk(b"[" * PIECE)),
    "objects": (CHUNKED, chunk(b"{}," * PIECE)),
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * PIECE),
}
ENDLESS = IN_THE_HEAD | IN_THE_BODY


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("verb", ["container_inspect", "container_top", "container_list"])
async def test_answer_without_end(engine, client, answer, verb, peak):
    peak[0] = 160 * MIB
    assert await client.api_version()
    engine.on("GET /v", endless(*answer))
    names = () if verb == "container_list" else ("c",)
    with pytest.raises(DexecError):
        await getattr(client, verb)(*names)


@pytest.mark.parametrize("answer", IN_THE_HEAD.values(), ids=IN_THE_HEAD)
async def test_head_of_a_stream_without_end(engine, client, answer, peak):
    assert await client.api_version()
    engine.on("POST /v", endless(*answer))
    with pytest.raises(DexecError):
        async with await client.container_exec_attach("e") as attached:
            await attached.read()


# With ids: a name of the test's own would have all of the text, and be copied where it is told.
@pytest.mark.parametrize(
    "text",
    [b"[%b1]" % (b"{}," * 5_000_000), b"[%b1]" % (b"1," * 7_000_000)],
    ids=["objects", "numbers"],
)
def test_answer_of_millions_of_values_is_not_built(text, peak):
    assert len(text) <= MAX_BODY
    with pytest.raises(ProtocolError, match="more than 1,000,000 values"):
        parse(text)


def test_driver_that_never_ends_a_message(peak):
    scanner = MarkScanner("dexec:mark:")
    list(scanner.feed(b"dexec:mark:"))
    for _ in range(1000):
        assert not list(scanner.feed(b"x" * PIECE))
    assert 1000 * PIECE > 2 * MAX_MESSAGE


def test_driver_that_never_ends_its_state(peak):
    parts = HandoverParts("dexec:mark:")

    def tell() -> None:
        for number in range(100_000):
            parts.feed(f"part{number}", b"x" * PIECE)

    with pytest.raises(DamagedHandover, match="no end"):
        tell()
    with pytest.raises(DamagedHandover, match="no end"):
        tell()
