"""Delivers to a checker what it checks: one archive, streamed from the student's container."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from dexec_kernel.backend.protocol import Files
from dexec_kernel.errors import PathNotFound
from dexec_kernel.files.bridge import Reader, Writer, in_thread
from dexec_kernel.lab.checks.handover import Handover
from dexec_kernel.lab.checks.script import MOUNTED

#: Anybody may go to a file by its whole path, and only root may see the names.
_FOLDER_MODE, _FILE_MODE, _PROGRAM_MODE = 0o711, 0o644, 0o700


@dataclass(frozen=True, slots=True)
class Parcel:
    """All that a check needs, below a ``folder`` that nobody can guess, and the student's files.

    ``programs`` are root's alone. ``student`` is the container that ``paths`` are copied from.
    """

    folder: str
    folders: Sequence[str]
    programs: Mapping[str, bytes]
    files: Iterable[tuple[str, bytes]]
    student: str
    paths: Sequence[str]


async def deliver(engine: Files, container: str, parcel: Parcel) -> tuple[str, ...]:
    """Copy a parcel into a container; return sentences about what was left out.

    Raises :class:`CopyError`, and the engine's errors.
    """
    writer = Writer(lambda: None)
    handover = Handover(writer, aside=f"{parcel.folder}/{MOUNTED}")
    sending = asyncio.ensure_future(
        engine.copy_to_container(container, "/", aiter(writer), allow_overwrite_dir_with_file=True)
    )
    packing = asyncio.ensure_future(_pack(engine, writer, handover, parcel))
    try:
        await asyncio.wait({sending, packing}, return_when=asyncio.FIRST_EXCEPTION)
        # Where the one has failed, the other only waits.
        for work in (packing, sending):
            if work.done():
                work.result()
    finally:
        writer.stop()
        packing.cancel()
        sending.cancel()
        await asyncio.gather(packing, sending, return_exceptions=True)
    return handover.notes


async def _pack(files: Files, writer: Writer, handover: Handover, parcel: Parcel) -> None:
    await in_thread(lambda: _pack_ours(handover, parcel), writer)
    for path in parcel.paths:
        try:
            archive = await files.copy_from_container(parcel.student, path)
        except PathNotFound:
            continue  # The check will miss it.
        async with archive:
            reader = Reader(aiter(archive), lambda: None)
            link = archive.stat.link_target if archive.stat.is_symlink else ""
            await in_thread(partial(handover.add, path, reader, link=link), reader)

    def end() -> None:
        handover.end()
        writer.flush()
        writer.end()

    await in_thread(end, writer)


def _pack_ours(handover: Handover, parcel: Parcel) -> None:
    for name in parcel.folders:
        handover.put_folder(f"{parcel.folder}/{name}", mode=_FOLDER_MODE)
    for name, data in parcel.programs.items():
        handover.put(f"{parcel.folder}/{name}", data, mode=_PROGRAM_MODE)
    for name, data in parcel.files:
        handover.put(f"{parcel.folder}/{name}", data, mode=_FILE_MODE)
