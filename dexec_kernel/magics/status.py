"""``%status``: where cells run and how it is there, in a live bar or in one line."""

from __future__ import annotations

from argparse import Namespace

from dexec_kernel.backend.targets import KUBE_PREFIX
from dexec_kernel.cells.outcome import describe_exit
from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.display.table import line_data
from dexec_kernel.magics.containers import find_current
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic


async def _status(context: MagicContext, _arguments: Namespace) -> None:
    current = await find_current(context)
    container = current.container
    is_pod = context.settings.container.startswith(KUBE_PREFIX)
    parts = ["a pod of a Kubernetes cluster"] if is_pod else await _engine(context)
    parts.append(f"container {current.words}")
    if container is not None:
        shell = (await context.workspace(container)).shell
        parts.append(f"image {container.image or 'unknown'}")
        parts.append(f"shell {shell.value or 'none' if shell is not None else 'not known yet'}")
    parts.append(f"last cell: {_last(context)}")
    line = line_data(parts)
    if context.show_status is not None:
        await context.show_status(line)
    else:
        context.show(line)


async def _engine(context: MagicContext) -> list[str]:
    client = await context.client()
    ping = await client.ping()
    engine = ping.server or ("Podman" if ping.is_podman else "unknown")
    return [f"engine {engine} at {client.url}", f"API {await client.api_version()}"]


def _last(context: MagicContext) -> str:
    last = context.last
    if last is None:
        return "none"
    if last.exit_code is None:
        return f"{last.state.value}, exit code unknown"
    return describe_exit(last.exit_code, last.exit_reason)


MAGICS = (
    Magic(
        "status",
        "show the bar of the kernel: container, state, restart",
        MagicParser(
            "%status",
            "Show a bar for the whole kernel that follows every cell: the container, which you\n"
            "can change there; the running cell, or the end of the last one; Interrupt; Restart\n"
            "container. In a program without widgets, print one line: engine, container, shell,\n"
            "and the end of the last cell.",
            epilog="In JupyterLab, Create New View for Output (right click) docks it.",
        ),
        _status,
    ),
)
