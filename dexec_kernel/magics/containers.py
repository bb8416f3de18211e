"""``%container``, ``%containers`` and ``%ps``: the container of the cells, and the others."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.targets import KUBE_PREFIX, candidates
from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.display.containers import choice_data
from dexec_kernel.display.table import table_data
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    EngineApiError,
    EngineUnavailable,
    NotChosenError,
)
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.processes import fold, has_cells
from dexec_kernel.magics.registry import Magic

_SHORT_ID = 12


async def _container(context: MagicContext, arguments: Namespace) -> None:
    if arguments.name is not None:
        chosen = await context.set_container(arguments.name)
        context.show(choice_data([], chosen=chosen, setting=context.settings.container))
        return
    pods = [] if context.pods is None else await context.pods()
    try:
        running = await candidates(await context.client())
    except EngineUnavailable:
        if not pods and not context.settings.container.startswith(KUBE_PREFIX):
            raise
        running = []
    setting, trouble = context.settings.container, ""
    current = None
    if setting or len(running) == 1:
        try:
            current = await context.container()
        except (ContainerNotFound, ConfigurationError) as error:
            if not running and not pods:
                raise
            trouble = f"{error.message} {error.advice}".strip()
    known = {item.id for item in running}
    running += [pod for pod in pods if pod.id not in known]
    context.show(choice_data(running, chosen=current, setting=setting, trouble=trouble))


async def _containers(context: MagicContext, _arguments: Namespace) -> None:
    # First: the list has the pods of a cluster that is in use.
    current = (await find_current(context)).container
    found = await (await context.client()).container_list(all=True)
    if not found:
        context.show_text("There is no container.")
        return
    rows = [
        (
            "→" if current is not None and item.id == current.id else "",
            item.name,
            "" if item.name.startswith(KUBE_PREFIX) else item.id[:_SHORT_ID],
            item.state,
            item.image,
            item.status,
        )
        for item in sorted(found, key=lambda item: (item.state != "running", item.name))
    ]
    context.show(table_data(("", "name", "id", "state", "image", "status"), rows))


async def _ps(context: MagicContext, arguments: Namespace) -> None:
    container = await context.container()
    client = await context.client()
    top = await client.container_top(container.id)
    if arguments.all:
        context.show(table_data(top.titles, top.processes))
        return
    names: Mapping[str, str] = {}
    if has_cells(top):
        # An engine's host may have a ps that knows no names: then all shells count as cells.
        with suppress(EngineApiError):
            names = await client.container_process_names(container.id)
    folded = fold(top, names)
    context.show(table_data(top.titles, folded.rows, folded.note))


@dataclass(frozen=True, slots=True)
class Current:
    """The current container where there is one, and the words for it."""

    container: ContainerInspect | None
    words: str


async def find_current(context: MagicContext) -> Current:
    """Look at the current container. Raises what the engine's verbs raise."""
    try:
        container = await context.container()
    except NotChosenError:
        return Current(None, "not chosen")
    except ContainerNotFound:
        return Current(None, f"{context.settings.container} (not found)")
    except ConfigurationError as error:
        if not context.settings.container:
            raise
        return Current(None, f"{context.settings.container} ({error.message.rstrip('.')})")
    state = "paused" if container.paused else "running" if container.running else "not running"
    return Current(container, f"{container.name} ({state})")


def _container_parser() -> MagicParser:
    parser = MagicParser(
        "%container",
        "Run the cells in another container, from here on. Without a name, show the\n"
        "current container and the others.",
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="a name or id, compose:PROJECT/SERVICE, swarm:SERVICE.SLOT, or kube:NAMESPACE/POD",
    )
    return parser


def _ps_parser() -> MagicParser:
    parser = MagicParser(
        "%ps",
        "List the processes of the current container. The engine's host lists them, so\n"
        "that the image needs no ps. PIDs are the host's; Podman's are HPID. The processes\n"
        "that dexec-kernel itself has there, for any notebook, are counted below the list.",
    )
    parser.add_argument("-a", "--all", action="store_true", help="list those of dexec-kernel too")
    return parser


MAGICS = (
    Magic(
        "container",
        "run the cells in NAME; without it, show the choice",
        _container_parser(),
        _container,
    ),
    Magic(
        "containers",
        "list all containers",
        MagicParser("%containers", "List all containers of the engine, running or not."),
        _containers,
    ),
    Magic(
        "ps",
        "list the container's processes",
        _ps_parser(),
        _ps,
    ),
)
