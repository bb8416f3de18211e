"""``%attach``: the container's main process, live, and without any harm to it."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from contextlib import closing

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import Containers, MainStreams
from dexec_kernel.backend.targets import KUBE_PREFIX
from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.errors import ConfigurationError, ContainerNotFound
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic
from dexec_kernel.magics.streaming import LIMIT, Ending, print_and_ask, print_stream

#: In seconds: an answer to a line is over after such a silence, and is not awaited for longer.
QUIET, MOMENT = 1.0, 10.0
#: In seconds: how long the engine may take to see that the main process has ended.
_SETTLE = 3.0


async def _attach(context: MagicContext, arguments: Namespace) -> None:
    client = await context.client()
    # Docker would wait for a stopped one to be started.
    container = await context.target.running(arguments.name)
    line: str | None = arguments.send
    if line is not None:
        _require_stdin(container)
    if await client.attaching_ends_stdin(container):
        context.write(
            f"%attach shows the log of {container.name} as it grows: to be attached to and left"
            " would end its stdin (StdinOnce).\n",
            "stderr",
        )
        log = await client.container_logs(container.id, follow=True, tail=0)
        with closing(log):
            ending = await print_stream(log, context)
    else:
        ending = await _join(context, client, container, line)
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


async def _join(
    context: MagicContext, streams: MainStreams, container: ContainerInspect, line: str | None
) -> Ending:
    """Show what the process prints; send it ``line``, or the lines that the user gives."""
    takes_lines = container.open_stdin and not container.closes_stdin
    ask = context.ask if takes_lines else None
    has_stdin = line is not None or ask is not None
    channel = await streams.container_attach_ws(container.id, stdin=has_stdin)
    with closing(channel):
        if line is not None:
            await channel.write(f"{line}{_enter(container)}".encode())
            return await print_stream(channel, context, quiet=QUIET, at_most=MOMENT)
        if ask is None:
            return await print_stream(channel, context)
        label = f"a line for {container.name}: "
        return await print_and_ask(channel, context, ask, label=label, line_end=_enter(container))


async def _has_ended(client: Containers, container: ContainerInspect) -> bool:
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
        is_pod = container.name.startswith(KUBE_PREFIX)
        why = "its pod has no `stdin: true`" if is_pod else "it was created without `docker run -i`"
        raise ConfigurationError(
            f"The main process of {container.name!r} has no stdin: {why}.",
            advice="%attach without --send shows what it prints.",
        )
    if container.closes_stdin:
        raise ConfigurationError(
            f"Nothing was sent to {container.name!r}: its main process would get end of file when"
            " %attach leaves (StdinOnce), and might end of it.",
            advice=(
                "%attach without --send shows what it prints. Started with `docker run -d -i`, a"
                " container's stdin stays open."
            ),
        )


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
