"""TCP ports for programs that are told a port, and bind it later: nobody else takes them meanwhile.

A port that the system has chosen may be given to another process as soon as it is closed. These
are below the range from which the system chooses, and each process of ours has a block of its own.
"""

import atexit
import itertools
import socket
from collections.abc import Iterator
from functools import cache

_ADDRESS = "127.0.0.1"
_BLOCKS = range(10_000, 32_000, 500)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on, and that no one else is given."""
    _, ports = _block()
    return next(port for port in ports if _is_free(port))


@cache
def _block() -> tuple[socket.socket, Iterator[int]]:
    """Claim a block by listening on its first port as long as this process lives."""
    for block in _BLOCKS:
        try:
            claim = socket.create_server((_ADDRESS, block), reuse_port=False)
        except OSError:
            continue
        atexit.register(claim.close)
        return claim, itertools.cycle(range(block + 1, block + _BLOCKS.step))
    raise OSError("all blocks of ports are taken")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # The remains of a connection that has ended, kept for a minute, are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_ADDRESS, port))
        except OSError:
            return False
    return True
