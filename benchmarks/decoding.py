"""What frames and text cost by themselves, beside a copy of the same bytes."""

from __future__ import annotations

import struct
import time

from benchmarks.measure import Row, alternate, compare
from dexec_kernel.cells.text import Coalescer
from dexec_kernel.engine.frames import FrameDecoder

_FRAME = 32 * 1024
_READ = 256 * 1024
_TOTAL = 64 * 1024 * 1024


def measure(*, count: int) -> list[Row]:
    """Measure 64 MiB of 32 KiB frames, read by 256 KiB."""
    payload = (b"0123456789abcdef" * (_FRAME // 16))[: _FRAME - 8]
    frame = struct.pack(">BxxxI", 1, len(payload)) + payload
    stream = frame * (_TOTAL // _FRAME)
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

    rows = []
    for what, function in (("frames", decode), ("frames and text", decode_and_coalesce)):
        ours, peer = alternate(function, copy, count=count)
        rows.append(compare(f"{what}, 64 MiB in 32 KiB frames", ours, "a copy of the bytes", peer))
    return rows
