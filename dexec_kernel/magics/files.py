"""``%cp``, ``%show`` and ``%%writefile``: files in and out of a container."""

from __future__ import annotations

import os
import shlex
import time
import uuid
from argparse import Namespace

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.backend.protocol import Files
from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.display.file import READ_LIMIT, show_file
from dexec_kernel.display.progress import progress_data, summary_data
from dexec_kernel.display.text import one_line
from dexec_kernel.errors import UsageError
from dexec_kernel.files.content import read_file, write_file
from dexec_kernel.files.copy import copy_in, copy_out
from dexec_kernel.files.owner import owner_of
from dexec_kernel.files.paths import Location, base_name, local_path, parse_location
from dexec_kernel.files.report import Report
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic
from dexec_kernel.units import format_size

#: In seconds: how often the bar is brought up to date.
_INTERVAL = 0.3


class _Bar:
    """The display of one copy, updated in place."""

    def __init__(self, context: MagicContext, title: str) -> None:
        self._context = context
        self._title = title
        self._display_id = uuid.uuid4().hex
        self._begin = self._last = time.monotonic()
        self._shown = False
        self._report = Report()

    def moved(self, report: Report) -> None:
        """Show how far the copy is, if that was not shown just now."""
        self._report = report
        now = time.monotonic()
        if now - self._last >= _INTERVAL:
            self._last = now
            self._send(progress_data(report, self._title, seconds=now - self._begin))

    def finish(self, report: Report | None) -> None:
        """Show how the copy ended; None where it did before its end, which is told elsewhere."""
        if report is not None:
            self._send(summary_data(report, self._title, ending=""))
        elif self._shown:
            self._send(summary_data(self._report, self._title, ending="not finished"))

    def _send(self, data: dict[str, str]) -> None:
        kind = "update_display_data" if self._shown else "display_data"
        self._shown = True
        transient = {"display_id": self._display_id}
        self._context.publish(kind, {"data": data, "metadata": {}, "transient": transient})


async def _cp(context: MagicContext, arguments: Namespace) -> None:
    source, target = parse_location(arguments.source), parse_location(arguments.target)
    if source.in_container and target.in_container:
        if source.container == target.container:
            paths = shlex.join([source.path, target.path])
            raise UsageError(
                "%cp copies between the kernel's side and a container.",
                advice=f"Inside of a container, copy in a cell: cp -r {paths}",
            )
        raise UsageError(
            "%cp does not copy from one container to another, as docker cp does not.",
            advice=f"Copy to the kernel's side first:\n  %cp {arguments.source} /tmp/\n"
            f"  %cp /tmp/{base_name(source.path) or '.'} {arguments.target}",
        )
    if not (source.in_container or target.in_container):
        raise UsageError(
            "Neither path is in a container.",
            advice="One of them begins with a colon, :/PATH, or with a container, NAME:/PATH.",
        )
    context.policy.check_local_files("%cp")
    files, container = await _container_of(context, source if source.in_container else target)
    bar = _Bar(context, f"{arguments.source} → {arguments.target}")
    report: Report | None = None
    here = os.getcwd()  # noqa: PTH109 -- text all along
    try:
        if source.in_container:
            report = await copy_out(
                files,
                container.name,
                source.path,
                local_path(target.path, here),
                follow_link=arguments.follow_link,
                progress=bar.moved,
            )
        else:
            report = await copy_in(
                files,
                local_path(source.path, here),
                container.name,
                target.path,
                follow_link=arguments.follow_link,
                container_user=arguments.archive,
                progress=bar.moved,
            )
    finally:
        bar.finish(report)


async def _show(context: MagicContext, arguments: Namespace) -> None:
    location = _in_container(arguments.path, "%show")
    files, container = await _container_of(context, location)
    content = await read_file(files, container.name, location.path, limit=READ_LIMIT)
    shown = show_file(location.path, content.data, content.size)
    if shown.note:
        context.write(f"{one_line(location.path)}: {shown.note}\n")
    context.show(shown.data, shown.metadata)


async def _writefile(context: MagicContext, arguments: Namespace) -> None:
    location = _in_container(arguments.path, "%%writefile")
    files, container = await _container_of(context, location)
    data: bytes = arguments.body.encode()
    owner = await owner_of(files, container.name, container.user)
    existed = await write_file(
        files, container.name, location.path, data, append=arguments.append, owner=owner
    )
    done = "Wrote"
    if existed:
        done = "Appended to" if arguments.append else "Overwrote"
    context.write(f"{done} {one_line(location.path)} ({format_size(len(data))})\n")


def _in_container(text: str, magic: str) -> Location:
    location = parse_location(text)
    if not location.in_container:
        raise UsageError(
            f"{magic} takes a path in a container, which begins with a colon.",
            advice=f"Write {magic} :{text}",
        )
    return location


async def _container_of(
    context: MagicContext, location: Location
) -> tuple[Files, ContainerInspect]:
    container = await context.container(location.container)
    return await context.client(), container


def _cp_parser() -> MagicParser:
    parser = MagicParser(
        "%cp",
        "Copy files and folders between the kernel's side and a container, as docker cp does.\n"
        "A path in the container is written :/PATH or NAME:/PATH and starts at its root.\n"
        "The other path is relative to the kernel's working folder.",
        usage="[-L] [-a] SRC DST",
        epilog="%cp :/var/log/app .        the folder, into the working folder\n"
        "%cp :/var/log/app/. logs   the content of the folder, into logs\n"
        "%cp data.csv web:/srv/     a file, into an existing folder of another container",
    )
    parser.add_argument(
        "-L", "--follow-link", action="store_true", help="copy the target of SRC if SRC is a link"
    )
    parser.add_argument(
        "-a",
        "--archive",
        action="store_true",
        help="into a container: give everything to the container's user",
    )
    parser.add_argument("source", metavar="SRC", help="the file or folder to copy")
    parser.add_argument("target", metavar="DST", help="its destination")
    return parser


def _show_parser() -> MagicParser:
    parser = MagicParser(
        "%show",
        "Show a file of the container by its kind: an image, a table (CSV, TSV), JSON,\n"
        "Markdown, HTML (without scripts), text; the first bytes of any other file.",
    )
    parser.add_argument("path", metavar=":PATH", help="the file; NAME:PATH for another container's")
    return parser


def _writefile_parser() -> MagicParser:
    parser = MagicParser(
        "%%writefile",
        "Write the cell, all lines below this one, into a file in the container. A new file\n"
        "has mode 0644 and belongs to the container's user; an existing file keeps both.",
    )
    parser.add_argument("-a", "--append", action="store_true", help="append to the file")
    parser.add_argument("path", metavar=":PATH", help="the file; its folder must exist")
    return parser


MAGICS = (
    Magic("cp", "copy files and folders into or out of a container", _cp_parser(), _cp),
    Magic("show", "show a file of the container: image, table, JSON, text", _show_parser(), _show),
    Magic(
        "writefile",
        "write the cell into a file in the container",
        _writefile_parser(),
        _writefile,
        takes_body=True,
    ),
)
