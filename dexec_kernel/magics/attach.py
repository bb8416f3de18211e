"""``%attach``: the container's main process, live, and without any harm to it."""

from __future__ import annotations

import asyncio
from argparse import Namespace

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.targets import find_container, require_running
from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.engine.client import EngineClient, version_tuple
from dexec_kernel.engine.connection import HijackedConnection
from dexec_kernel.engine.websocket import WebSocketConnection
from dexec_kernel.errors import ConfigurationError, ContainerNotFound
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic
from dexec_kernel.magics.streaming import LIMIT, Ending, print_and_ask, print_stream

#: In seconds: an answer to a line is over after such a silence, and is not awaited for longer.
QUIET, MOMENT = 1.0, 10.0
_SETTLE = 1.0
_STDIN_LEFT_ALONE_SINCE = (1, 42)


async def _attach(context: MagicContext, arguments: Namespace) -> None:
    client = await context.client()
    if arguments.name:
        container = await find_container(client, arguments.name)
    else:
        container = await context.container()
    # Docker would wait for a stopped one to be started.
    require_running(container)
    line: str | None = arguments.send
    if line is not None:
        _require_stdin(container)
    takes_lines = container.open_stdin and not _closes_stdin(container)
    ask = context.ask if takes_lines else None
    connection: WebSocketConnection | HijackedConnection
    if await _would_lose_stdin(client, container):
        context.write(
            f"%attach shows the log of {container.name} as it grows: to be attached to and left"
            " would end its stdin (StdinOnce).\n",
            "stderr",
        )
        connection = await client.container_logs(container.id, follow=True, tail=0)
    else:
        connection = await client.container_attach_ws(
            container.id, stdin=line is not None or ask is not None
        )
    try:
        if line is None and ask is None:
            ending = await print_stream(connection, context)
        elif line is None and ask is not None:
            label = f"a line for {container.name}: "
            ending = await print_and_ask(
                connection, context, ask, label=label, line_end=_enter(container)
            )
        else:
            await connection.write(f"{line}{_enter(container)}".encode())
            ending = await print_stream(connection, context, quiet=QUIET, at_most=MOMENT)
    finally:
        connection.close()
    if ending is Ending.FULL:
        context.write(
            f"\n%attach stops here, after {LIMIT // 1024 // 1024} MiB; the process goes on.\n",
            "stderr",
        )
    elif ending is Ending.LATE:
        context.write(
            f"\n%attach leaves after {MOMENT:g} s; without --send it goes on showing.\n", "stderr"
        )
    elif ending is Ending.ENDED:
        ended = await _has_ended(client, container)
        what = "The main process" if ended else "What the engine passes on of the main process"
        context.write(f"\n{what} of {container.name} has ended.\n", "stderr")


async def _has_ended(client: EngineClient, container: ContainerInspect) -> bool:
    """Return whether the process is gone, of which the engine learns a little after its stream.

    Raises :class:`EngineUnavailable` where it was the engine that went.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _SETTLE
    try:
        while (await client.container_inspect(container.id)).running:
            if loop.time() > deadline:
                return False
            await asyncio.sleep(_SETTLE / 20)
    except ContainerNotFound:  # As with `docker run --rm`.
        pass
    return True


def _require_stdin(container: ContainerInspect) -> None:
    """Raise where a line cannot be sent, or would be the last."""
    if not container.open_stdin:
        raise ConfigurationError(
            f"The main process of {container.name!r} has no stdin: the container was created"
            " without `docker run -i`.",
            advice="%attach without --send shows what it prints.",
        )
    if _closes_stdin(container):
        raise ConfigurationError(
            f"Nothing was sent to {container.name!r}: its main process would get end of file when"
            " %attach leaves (StdinOnce), and might end of it.",
            advice=(
                "%attach without --send shows what it prints. Started with `docker run -d -i`, a"
                " container's stdin stays open."
            ),
        )


def _closes_stdin(container: ContainerInspect) -> bool:
    return container.open_stdin and container.stdin_once and not container.tty


async def _would_lose_stdin(client: EngineClient, container: ContainerInspect) -> bool:
    """Return whether the engine ends the process's stdin with a connection that had no use for it.

    Before API 1.42 it takes every WebSocket for one with stdin, whatever it was asked for.
    """
    old = version_tuple(await client.api_version()) < _STDIN_LEFT_ALONE_SINCE
    return old and _closes_stdin(container)


def _enter(container: ContainerInspect) -> str:
    """Return what the Enter key sends: a terminal gets a carriage return."""
    return "\r" if container.tty else "\n"


def _parser() -> MagicParser:
    parser = MagicParser(
        "%attach",
        "Join the main process of the current container, or of another: show what it prints\n"
        "from now on, until you interrupt the cell. If it has a stdin (docker run -i), you are\n"
        "asked for lines to send; Ctrl-D or the interrupt ends that. The process goes on: neither\n"
        "reaches it.",
        epilog="Nothing is asked for where leaving would end its stdin (StdinOnce: docker run -i\n"
        "without -d or -t), or where nobody can be asked. `%logs` shows what it has printed\n"
        "before. Needs Docker: Podman has no such call.",
    )
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", default="", help="a container's name or id")
    add(
        "--send",
        metavar="TEXT",
        help=f"send a line to its stdin, and show what comes until {QUIET:g} s are silent",
    )
    return parser


MAGICS = (Magic("attach", "join the container's main process", _parser(), _attach),)
