"""``%log``: the file with the whole output of a long cell."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from argparse import Namespace
from pathlib import Path
from typing import BinaryIO

from dexec_kernel.cells.source.parser import MagicParser
from dexec_kernel.display.table import line_data
from dexec_kernel.display.text import one_line
from dexec_kernel.errors import CopyError, PathNotFound, UsageError
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic
from dexec_kernel.units import format_size

_SAVE = "save"


async def _log(context: MagicContext, arguments: Namespace) -> None:
    if arguments.save not in {None, _SAVE} or (arguments.save is None) != (arguments.name is None):
        raise UsageError("%log shows where the log is, %log save NAME writes it to a file.")
    if arguments.name is not None:
        context.policy.check_local_files("%log save")
    log = _log_of(context, arguments.number)
    if arguments.name is None:
        size = format_size(await asyncio.to_thread(_size, log))
        lines = [f"The whole output ({size}) is in {log}", "%log save NAME copies it."]
        context.show(line_data(lines))
        return
    target = await asyncio.to_thread(_expanded, arguments.name)
    await asyncio.to_thread(save, log, target, force=arguments.force)
    size = format_size(await asyncio.to_thread(_size, target))
    context.write(f"Wrote {one_line(str(target))} ({size})\n")


def save(log: Path, target: Path, *, force: bool) -> None:
    """Copy a log to ``target``, whole or not at all.

    Raises :class:`CopyError`, and :class:`PathNotFound` if the log or the folder is gone.

    An existing file is replaced with ``force`` only; a link at its place is never followed.
    """
    if target.is_dir():
        raise CopyError(f"{target} is a folder.", advice=f"Add a name: {target}/{log.name}")
    try:
        with log.open("rb") as source:
            _write(source, target, force=force)
    except FileExistsError:
        raise CopyError(
            f"{target} exists already.", advice=f"%log save {target} -f replaces it."
        ) from None
    except FileNotFoundError as error:
        if not log.exists():
            raise _gone(log) from error
        raise PathNotFound.of(
            f"There is no folder {target.parent} on the kernel's side."
        ) from error
    except OSError as error:
        raise CopyError(f"{target}: {error.strerror or error}.") from error


def _write(source: BinaryIO, target: Path, *, force: bool) -> None:
    place = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}") if force else target
    # As private as the log. An existing file or link is an error.
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as made:
            shutil.copyfileobj(source, made)
        if force:
            place.replace(target)
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def _log_of(context: MagicContext, number: int | None) -> Path:
    """Return the log of the cell with that number, or the last log that there is."""
    found: str | None = None
    for cell in context.past:
        is_meant = number is None or cell.number == number
        if is_meant and cell.snapshot is not None and cell.snapshot.log is not None:
            found = cell.snapshot.log
    if found is None:
        whose = "No cell" if number is None else f"No cell [{number}]"
        raise UsageError(
            f"{whose} has a log.",
            advice="A cell has one if the notebook shows only a part of its output.",
        )
    return Path(found)


def _expanded(name: str) -> Path:
    return Path(os.path.expanduser(name))  # noqa: PTH111 -- an unknown user's ~ is a plain name


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        raise _gone(path) from error
    except OSError as error:
        raise CopyError(f"{path}: {error.strerror or error}.") from error


def _gone(log: Path) -> PathNotFound:
    return PathNotFound.of(
        f"The log {log} is gone.", advice="Later logs replace the oldest; see DEXEC_LOG_LIMIT."
    )


def _parser() -> MagicParser:
    parser = MagicParser(
        "%log",
        "Show where the whole output of a long cell is, of which the notebook has only a\n"
        "part. With 'save NAME': copy it to a file on the kernel's side, which is beside the\n"
        "notebook if NAME is no path.",
        usage="[-n N] [save NAME [-f]]",
    )
    add = parser.add_argument
    add("-n", "--number", metavar="N", type=int, help="of the cell [N]; default: the last log")
    add("-f", "--force", action="store_true", help="replace an existing file")
    add("save", metavar="save", nargs="?", help="copy the log")
    add("name", metavar="NAME", nargs="?", help="the file to write")
    return parser


MAGICS = (Magic("log", "the whole output of a long cell, in a file", _parser(), _log),)
