"""``%logs``: the output of the container's main process."""

from __future__ import annotations

import argparse
import re
import time
from argparse import Namespace
from datetime import datetime

from dexec_kernel.backend.models import Frame
from dexec_kernel.backend.protocol import FrameReader
from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.display.table import line_data
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic
from dexec_kernel.magics.streaming import LIMIT, Ending, print_stream

#: In lines: what is shown where nothing else is asked for.
DEFAULT_TAIL = 1000

_ALL = "all"
#: Seconds; from here on a bare number is a time and not a duration.
_FIRST_EPOCH = 1_000_000_000
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_duration = re.compile(r"(?:\d+[dhms])+")
_duration_part = re.compile(r"(\d+)([dhms])")


async def _logs(context: MagicContext, arguments: Namespace) -> None:
    container = await context.container()
    client = await context.client()
    tail = DEFAULT_TAIL if arguments.tail is None and not arguments.since else arguments.tail
    connection = await client.container_logs(
        container.id,
        tty=container.tty,
        follow=arguments.follow,
        tail=None if tail == _ALL else tail,
        since=arguments.since,
    )
    counted = _Counted(connection)
    try:
        ending = await print_stream(counted, context)
        if ending is Ending.ENDED and not counted.size:
            is_whole = not arguments.since and arguments.tail is None
            what = "is empty" if is_whole else "has nothing for these options"
            context.show(line_data([f"The log of {container.name} {what}."]))
        elif ending is Ending.FULL:
            context.write(
                f"\n%logs stops here, after {LIMIT // 1024 // 1024} MiB; see --tail and --since.\n",
                "stderr",
            )
    finally:
        connection.close()


class _Counted:
    """Counts the bytes of a stream."""

    def __init__(self, stream: FrameReader) -> None:
        self._stream = stream
        self.size = 0

    async def read(self) -> list[Frame]:
        """Read as the stream does."""
        frames = await self._stream.read()
        self.size += sum(len(frame.data) for frame in frames)
        return frames


def _lines(text: str) -> int | str:
    if text == _ALL:
        return text
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of lines nor 'all'")
    return int(text)


def _since(text: str) -> int:
    """Return seconds since the epoch for a duration or a time."""
    if text.isascii() and text.isdigit():
        number = int(text)
        return number if number >= _FIRST_EPOCH else _ago(number)
    if _duration.fullmatch(text):
        return _ago(sum(int(n) * _UNITS[unit] for n, unit in _duration_part.findall(text)))
    try:
        return max(1, int(datetime.fromisoformat(text).timestamp()))
    except (ValueError, OverflowError, OSError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither seconds, nor like 10m or 1h30m, nor like 2026-01-31T12:00"
        ) from error


def _ago(seconds: int) -> int:
    return max(1, int(time.time()) - seconds)


def _parser() -> MagicParser:
    parser = MagicParser(
        "%logs",
        "Show the log of the current container: the output of its main process. With -f\n"
        "it goes on until you interrupt the cell.",
    )
    add = parser.add_argument
    add("-f", "--follow", action="store_true", help="follow the log")
    add(
        "--tail",
        metavar="N",
        type=_lines,
        help=f"the last N lines, or 'all'; default: {DEFAULT_TAIL}, or all with --since",
    )
    add(
        "--since",
        metavar="S",
        type=_since,
        default=0,
        help="only the last S seconds, or 10m, 1h30m, or since 2026-01-31T12:00",
    )
    return parser


MAGICS = (Magic("logs", "show the container's log", _parser(), _logs),)
