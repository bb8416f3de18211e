"""``dexec-kernel lab prepare``, and the same before ``lab test`` and ``lab grade``."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from dexec_kernel.cli.lab_archive import check_archive, pieces
from dexec_kernel.cli.lab_runs import INTERRUPTED, Stopped, run_until_stopped
from dexec_kernel.cli.progress import step_teller
from dexec_kernel.cli.terminal import complain, say
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.errors import ConfigurationError, ImageNotPulled
from dexec_kernel.lab.images import have_image, have_images, images_of
from dexec_kernel.lab.load import FILE, load_lab
from dexec_kernel.lab.spec import Lab
from dexec_kernel.policy.file import find_policy

_Tell = Callable[[str], None]


def prepare_lab(options: argparse.Namespace) -> int:
    """Have the images of a lab ready; return the exit code, 1 if one is missing."""
    folder = Path(options.folder).absolute()
    if not (folder / FILE).exists():
        raise ConfigurationError(
            f"There is no {FILE} in {folder}.", advice="`dexec-kernel lab new DIR` writes a lab."
        )
    lab = load_lab(folder)
    archive = Path(options.load) if options.load else None
    if archive is not None:
        check_archive(archive)
    try:
        missing = run_until_stopped(_prepare(lab, archive))
    except Stopped:
        return INTERRUPTED
    if not missing:
        say(f"The images of {lab.title!r} are ready.")
        return 0
    names = " ".join(shlex.quote(error.image) for error in missing)
    for error in missing:
        complain(f"Where a registry is reachable: docker pull {shlex.quote(error.image)}")
    complain(
        f"Else, on a machine that has them: docker save -o images.tar {names}\n"
        f"and here: dexec-kernel lab prepare {shlex.quote(options.folder)} --load images.tar"
    )
    return 1


def have_images_ready(lab: Lab, folder: Path) -> None:
    """Have the images of a lab before anybody's time begins. Raises :class:`ImageNotPulled`."""

    async def work(tell: _Tell) -> None:
        async with _engine() as engine:
            await have_images(engine, lab, tell)

    with step_teller() as tell:
        try:
            run_until_stopped(work(tell))
        except ImageNotPulled as error:
            name = shlex.quote(error.image)
            raise ImageNotPulled(
                f"Nothing is run. {error.message}",
                image=error.image,
                status=error.status,
                advice=f"Pull it: docker pull {name}\nOr load it from a file of docker save:"
                f" dexec-kernel lab prepare {shlex.quote(str(folder))} --load FILE",
            ) from error


@asynccontextmanager
async def _engine() -> AsyncIterator[EngineClient]:
    policy = find_policy()
    async with await EngineClient.from_environment(check=policy.check_engine) as client:
        await client.ready()
        yield client


async def _prepare(lab: Lab, archive: Path | None) -> list[ImageNotPulled]:
    """Load the archive, and pull what is missing then; return what is missing still.

    Nothing is printed while the line of a terminal moves: it takes stdout over.
    """
    missing: list[ImageNotPulled] = []
    async with _engine() as engine:
        if archive is not None:
            with step_teller() as tell:
                loaded = await engine.image_load(pieces(archive, tell))
            for name in loaded:
                say(f"loaded   {name}")
            if not loaded:
                complain(f"warning: there is no image in {archive}")
        for image in images_of(lab):
            try:
                with step_teller() as tell:
                    had = await have_image(engine, image, tell)
            except ImageNotPulled as error:
                missing.append(error)
                complain(f"missing  {error.message}")
            else:
                say(f"{had.value:<7}  {image}")
    return missing
