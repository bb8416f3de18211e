"""The cost of decoding frames and text, next to a copy of the same bytes."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.measure import Row, Unit, interleave, seconds
from dexec_kernel.cells.output.text import Coalescer
from dexec_kernel.engine.frames import FrameDecoder

_FRAME = 32 * 1024
_READ = 256 * 1024
_TOTAL = 64 * 1024 * 1024
_LINE = b"a line of output, and another: \xc3\xa4\n"


def measure(bench: Bench) -> list[Row]:
    """Measure 64 MiB of 32 KiB frames, read by 256 KiB."""
    payload = (_LINE * (_FRAME // len(_LINE)))[: _FRAME - 8]
    frame = struct.pack(">BxxxI", 1, len(payload)) + payload
    stream = frame * (_TOTAL // len(frame))
    reads = [stream[start : start + _READ] for start in range(0, len(stream), _READ)]

    def copy() -> None:
        for data in reads:
            bytearray(data)

    def decode() -> None:
        decoder = FrameDecoder()
        for data in reads:
            decoder.receive_data(data)
        decoder.receive_eof()

    def decode_and_coalesce() -> None:
        decoder, text = FrameDecoder(), Coalescer()
        for data in reads:
            for part in decoder.receive_data(data):
                text.feed("stdout", part.data)
            text.take(time.monotonic())
        text.finish()

    def rate(function: Callable[[], None]) -> Callable[[], float]:
        return lambda: len(stream) / seconds(function)

    found = interleave(
        {"copy": rate(copy), "frames": rate(decode), "text": rate(decode_and_coalesce)},
        count=bench.samples,
        unit=Unit.RATE,
    )
    what, peer = "64 MiB in frames of 32 KiB", "a copy of the same bytes (memcpy)"
    return [
        Row(f"{what}: decoded", found["frames"], peer, found["copy"]),
        Row(f"{what}: decoded, and made text", found["text"], peer, found["copy"]),
    ]
