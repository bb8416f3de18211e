"""Copies between the kernel's side and a container, with the semantics of ``docker cp``."""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
from collections.abc import Callable

from dexec_kernel.backend.models import PathStat
from dexec_kernel.backend.protocol import Files
from dexec_kernel.errors import CopyError, PathNotFound
from dexec_kernel.files.bridge import Reader, Writer, in_thread
from dexec_kernel.files.extract import extract
from dexec_kernel.files.follow import follow
from dexec_kernel.files.pack import measure, pack
from dexec_kernel.files.paths import (
    Destination,
    Landing,
    Source,
    asserts_folder,
    base_name,
    landing_of,
    normal_path,
    parent_of,
    wants_content,
)
from dexec_kernel.files.report import Report

Progress = Callable[[Report], None]


async def copy_out(
    files: Files,
    container: str,
    path: str,
    target: str,
    *,
    follow_link: bool = False,
    progress: Progress = lambda _report: None,
) -> Report:
    """Copy from a container to ``target``, an absolute path on the kernel's side.

    With ``follow_link``, a symbolic link means its target. ``progress`` is called on the event loop
    with every piece. If cancelled, it ends at once and leaves no partial file. Raises
    :class:`CopyError`, :class:`UnsafeArchive`, and the engine's errors.
    """
    name = base_name(path)
    path = normal_path(path)
    if follow_link:
        followed = await follow(files, container, path)
        path, found = followed.path, followed.require()
    else:
        found = await files.container_stat_path(container, path)
    content_only = wants_content(path)
    source = Source(name or base_name(path), found.is_dir, content_only)
    landing = await asyncio.to_thread(lambda: landing_of(source, local_target(target)))
    report = Report(expected=None if found.is_dir else found.size)
    async with await files.copy_from_container(container, path) as archive:
        reader = Reader(aiter(archive), lambda: progress(report))
        await in_thread(lambda: extract(reader, landing, report, content_only=content_only), reader)
    if not (report.files or report.folders or report.links) and report.omitted:
        raise CopyError(
            f"{path} cannot be copied out of the container. {report.left_out[0]}.",
            advice="%cp -L copies what a link leads to.",
        )
    return report


async def copy_in(
    files: Files,
    path: str,
    container: str,
    target: str,
    *,
    follow_link: bool = False,
    container_user: bool = False,
    progress: Progress = lambda _report: None,
) -> Report:
    """Copy ``path``, an absolute path on the kernel's side, into a container.

    With ``follow_link``, a symbolic link means its target. With ``container_user`` everything
    belongs to the user in the container's configuration; otherwise numeric owners are kept.
    ``progress`` as for :func:`copy_out`. If cancelled, it ends at once; a partial file may remain
    in the container. Raises :class:`CopyError`, and the engine's errors.
    """
    source, real = await asyncio.to_thread(_local_source, path, follow_link=follow_link)
    goal = await _container_target(files, container, target)
    landing = landing_of(source, goal)
    if not goal.exists:
        # Podman would make the folder; Docker says that it is not there.
        await require_folder(files, container, landing.folder)
    report = Report(expected=await asyncio.to_thread(measure, real))
    writer = Writer(lambda: progress(report))

    def work() -> None:
        try:
            pack(real, landing.name, writer, report)
        except BaseException as error:
            writer.end(error)
            raise
        writer.end()

    await send(files, container, landing, writer, work, container_user=container_user)
    return report


async def send(
    files: Files,
    container: str,
    landing: Landing,
    writer: Writer,
    work: Callable[[], None],
    *,
    container_user: bool,
) -> None:
    """Send what ``work`` writes into ``writer``, in a thread, and which it ends."""
    packing = asyncio.ensure_future(in_thread(work, writer))
    try:
        await files.copy_to_container(
            container, landing.folder, aiter(writer), copy_uid_gid=container_user
        )
    finally:
        if not packing.done():
            packing.cancel()
        await asyncio.wait({packing})
        if not packing.cancelled():
            packing.exception()  # Where there is one, the sending has raised it already.


async def require_folder(files: Files, container: str, path: str) -> PathStat:
    """Return what is known of a folder in a container, symbolic links followed.

    Raises :class:`PathNotFound` where it is missing, :class:`CopyError` where it is none.
    """
    try:
        found = (await follow(files, container, path)).require()
    except PathNotFound as error:
        if error.advice:
            raise
        raise PathNotFound.of(
            f"There is no folder {path} in the container {container!r}.",
            advice=f"Make it: mkdir -p {path}",
        ) from error
    if not found.is_dir:
        raise CopyError(f"{path} in the container {container!r} is not a folder.")
    return found


def local_target(path: str) -> Destination:
    """Look at where a copy is to go on the kernel's side. Raises :class:`CopyError`."""
    plain = path.removesuffix("/.").rstrip("/") or "/"
    real = os.path.realpath(plain)
    end = path[len(plain) :] if plain != "/" else ""
    try:
        mode = os.stat(real).st_mode  # noqa: PTH116 -- text all along
    except FileNotFoundError:
        folder = parent_of(real)
        if not os.path.isdir(folder):  # noqa: PTH112
            raise PathNotFound.of(
                f"There is no folder {folder} on the kernel's side.",
                advice=f"Make it there: mkdir -p {shlex.quote(folder)}",
            ) from None
        return Destination(real + end, exists=False, is_folder=False)
    except OSError as error:
        raise CopyError(f"{path}: {error.strerror}.") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise CopyError(f"{path} is neither a folder nor a file.")
    return Destination(real + end, exists=True, is_folder=stat.S_ISDIR(mode))


def _local_source(path: str, *, follow_link: bool) -> tuple[Source, str]:
    """Look at what is to be copied; return it and its path. Raises :class:`CopyError`."""
    plain = path.removesuffix("/.").rstrip("/") or "/"
    real = os.path.realpath(plain) if follow_link or asserts_folder(path) else plain
    try:
        mode = os.lstat(real).st_mode
    except FileNotFoundError as error:
        raise PathNotFound.of(
            f"There is no {path} on the kernel's side.",
            advice=f"The kernel works in {os.getcwd()}. A path in the container begins with a :",  # noqa: PTH109
        ) from error
    except OSError as error:
        raise CopyError(f"{path}: {error.strerror}.") from error
    if asserts_folder(path) and not stat.S_ISDIR(mode):
        raise CopyError(f"{path} is not a folder.")
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise CopyError(f"{path} is neither a folder nor a file.")
    return Source(base_name(path), stat.S_ISDIR(mode), wants_content(path)), real


async def _container_target(files: Files, container: str, path: str) -> Destination:
    followed = await follow(files, container, path)
    path, found = followed.path, followed.found
    if isinstance(found, PathNotFound):
        return Destination(path, exists=False, is_folder=False)
    if found.is_special:
        raise CopyError(f"{path} in the container {container!r} is neither a folder nor a file.")
    return Destination(path, exists=True, is_folder=found.is_dir)
