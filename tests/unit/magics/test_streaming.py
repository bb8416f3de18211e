"""The printed part of an engine's stream, and its end."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from dexec_kernel.backend.models import Frame, Stream
from dexec_kernel.magics.streaming import LIMIT, Ending, print_stream


class Reader:
    """A stream that yields these frames, and then ends."""

    def __init__(self, *reads: list[Frame]) -> None:
        self._reads = list(reads)

    async def read(self) -> list[Frame]:
        return self._reads.pop(0) if self._reads else []


@pytest.fixture
def printed():
    return []


@pytest.fixture
def context(printed):
    return SimpleNamespace(write=lambda text, stream: printed.append((stream, text)))


async def test_a_stream_is_printed_to_its_end(context, printed):
    reader = Reader(
        [Frame(Stream.STDOUT, b"out\n")], [Frame(Stream.STDERR, b"err\n")], [], [Frame(1, b"no")]
    )
    assert await print_stream(reader, context) is Ending.ENDED
    assert "".join(text for _, text in printed) == "out\nerr\n"
    assert {stream for stream, _ in printed} == {"stdout", "stderr"}


@pytest.mark.parametrize("text", ["a line\n", "\x00", "é", "\U0001f600", '"', "a"])
@pytest.mark.parametrize("parts", [1, 3, 500])
async def test_a_flood_is_printed_up_to_the_limit(context, printed, text, parts):
    """However large the pieces are in which it comes."""
    flood = (text * (2 * LIMIT // len(text.encode()))).encode()
    size = len(flood) // parts + 1
    frames = [
        Frame(Stream.STDOUT, flood[start : start + size]) for start in range(0, len(flood), size)
    ]
    assert await print_stream(Reader(*([frame] for frame in frames)), context) is Ending.FULL
    shown = "".join(text for _, text in printed)
    assert flood.decode().startswith(shown)
    assert 0.99 * LIMIT < len(json.dumps(shown, ensure_ascii=False).encode()) <= LIMIT
