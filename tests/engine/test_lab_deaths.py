"""Owners of labs that are killed while they make something: a sweep finds it all."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

import pytest

from devtools import images
from dexec_kernel.backend.models import LAB_LABEL
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.lab.checks.config import checker_config
from dexec_kernel.lab.checks.runner import CheckRunner
from dexec_kernel.lab.create import CHECKER, OWNER_LABEL, volume_prefix
from dexec_kernel.lab.owner import LabOwner
from dexec_kernel.lab.parent import PARENT_LABEL, Parent
from dexec_kernel.lab.spec import Task, Where
from dexec_kernel.lab.sweep import sweep
from tests.engine.dying_owners import DEATHS, OWNERS, TWO
from tests.waiting import until_seen


async def test_whatever_an_owner_was_killed_at_is_swept(place, tmp_path):
    """Created and not started, attached and not started, started and not renamed; and checkers."""
    folder = tmp_path / "deadlab"
    (folder / "checks").mkdir(parents=True)
    (folder / "checks/t.sh").write_text("exit 0\n")
    program = [sys.executable, "-m", "tests.engine.dying_owners"]
    dying = await asyncio.create_subprocess_exec(*program, place.host, str(folder), place.container)
    assert await dying.wait() == 0
    labels = {"label": [f"{LAB_LABEL}={folder.name}"]}

    async def left() -> list[str]:
        found = await place.client.container_list(all=True, filters=labels)
        return [f"{item.name}: {item.state}" for item in found]

    async def is_swept() -> bool:
        # An engine may take a moment to end what it has just started.
        await sweep(place.client)
        return not await left()

    assert len(await left()) > len(DEATHS) / 2
    await until_seen(is_swept)
    for owner in OWNERS:
        assert await place.client.volume_list(prefix=volume_prefix(folder.name, owner)) == []


async def test_the_end_of_a_lab_during_a_check_in_its_network(place, tmp_path):
    """Podman removes no container whose network another one shares, nor a volume of it."""
    images.ensure_image(place.host, images.BUSYBOX)
    folder = tmp_path / "endlab"
    (folder / "checks").mkdir(parents=True)
    (folder / "checks/t.sh").write_text("sleep 1000\n")
    owner = LabOwner(place.client, TWO, folder, "one")
    student = (await owner.ready()).id

    async def connect() -> EngineClient:
        return place.client

    runner = CheckRunner(connect, TWO, folder, "one")
    task = Task("t", where=Where.BESIDE, timeout=1000)
    checking = asyncio.create_task(runner.run(task, student))

    async def checkers() -> list[str]:
        labels = [f"{LAB_LABEL}={folder.name}", f"{OWNER_LABEL}=one{CHECKER}"]
        found = await place.client.container_list(all=True, filters={"label": labels})
        return [item.id for item in found if item.state == "running"]

    await until_seen(checkers)
    # And one whose kernel was killed before it could start it.
    dead = {PARENT_LABEL: str(replace(Parent.of(1), started="1"))}
    network = f"container:{student}"
    config = checker_config(TWO, folder, "one", labels=dead, network=network)
    await place.client.container_create(config, name=f"{folder.name}-check-dead")
    await runner.aclose()
    with pytest.raises(asyncio.CancelledError):
        await checking
    assert await checkers() == []
    await owner.aclose()
    if not place.is_podman:  # Which had to remove it.
        assert f"{folder.name}-check-dead" in (await sweep(place.client)).removed
    labels = {"label": [f"{LAB_LABEL}={folder.name}"]}
    assert await place.client.container_list(all=True, filters=labels) == []
    assert await place.client.volume_list(prefix=volume_prefix(folder.name, "one")) == []
