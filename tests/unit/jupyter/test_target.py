"""The engine of a kernel, and the container on it that cells run in."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dexec_kernel.backend.models import ContainerInspect
from dexec_kernel.errors import (
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    EngineUnavailable,
    NotChosenError,
    PolicyRefused,
    PolicyUnusable,
)
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.jupyter.target import Target
from dexec_kernel.policy.rules import Policy

WEB = ContainerInspect("1", "web", "img", True, False, False, "", "", {})  # noqa: FBT003
DB = replace(WEB, id="2", name="db", running=False)
JOB = replace(WEB, id="3", name="job", paused=True)


class Client:
    """Knows some containers."""

    def __init__(self, *containers: ContainerInspect) -> None:
        self._containers = containers
        self.is_closed = False

    async def container_list(self, **_options):
        return [item for item in self._containers if item.running and not item.paused]

    async def container_inspect(self, name):
        for item in self._containers:
            if name in {item.id, item.name}:
                return item
        raise ContainerNotFound(f"There is no {name}.", status=404)

    async def aclose(self) -> None:
        self.is_closed = True


def target_of(client: Client, container: str = "") -> Target:
    async def connect():
        return client

    settings = Settings()
    settings.container = container
    return Target(settings, connect)


async def test_an_engine_is_looked_for_once_however_many_ask():
    made = []

    async def connect():
        await asyncio.sleep(0)
        made.append(Client())
        return made[-1]

    target = Target(Settings(), connect)
    first, second = await asyncio.gather(target.client(), target.client())
    assert first is second is made[0]
    await target.forget()
    assert first.is_closed
    assert await target.client() is made[1]


async def test_what_cannot_be_reached_is_tried_again():
    answers = [EngineUnavailable("gone"), Client()]

    async def connect():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    target = Target(Settings(), connect)
    with pytest.raises(EngineUnavailable):
        await target.client()
    await target.forget()
    assert isinstance(await target.client(), Client)


async def test_a_name_comes_before_the_setting():
    target = target_of(Client(WEB, DB), "db")
    assert (await target.container()).name == "db"
    assert (await target.container("web")).name == "web"
    assert (await target.running("web")).name == "web"
    with pytest.raises(ContainerNotFound):
        await target.container("none")


async def test_a_policy_holds_for_whatever_the_target_finds(monkeypatch):
    policy = Policy(file="p", exclude=("db",), switching=False)
    monkeypatch.setattr("dexec_kernel.jupyter.target.find_policy", lambda: policy)
    target = target_of(Client(WEB, DB, JOB), "web")
    assert not target.permits(DB)
    with pytest.raises(PolicyRefused, match="switching"):
        await target.running("job")
    with pytest.raises(PolicyRefused, match="exclude"):
        await target.container("db")
    assert (await target.running()).name == "web"
    assert target.permits(WEB)
    assert not target.permits(JOB)
    await target.forget()
    with pytest.raises(PolicyRefused, match="switching"):
        await target.running("job")


async def test_a_policy_that_cannot_be_used_is_the_answer_to_everything(monkeypatch):
    def find():
        raise PolicyUnusable.of("p", ["it is broken"])

    monkeypatch.setattr("dexec_kernel.jupyter.target.find_policy", find)
    target = target_of(Client(WEB))
    with pytest.raises(PolicyUnusable):
        _ = target.policy
    for work in (target.client, target.container, target.running):
        with pytest.raises(PolicyUnusable):
            await work()


async def test_only_one_that_runs_takes_cells():
    target = target_of(Client(WEB, DB, JOB))
    with pytest.raises(ContainerNotRunning):
        await target.running("db")
    with pytest.raises(ContainerPaused):
        await target.running("job")


async def test_without_a_name_the_only_one_that_runs_is_meant():
    with pytest.raises(NotChosenError):
        await target_of(Client(DB)).running()


async def test_a_standby_is_started_where_the_last_cell_ran_a_moment_ago():
    client = Client(WEB, DB)
    target = target_of(client, "web")
    assert await target.lately_running() == await target.running()
    client._containers = (replace(WEB, running=False),)
    assert (await target.lately_running()).running
    await asyncio.sleep(3)
    with pytest.raises(ContainerNotRunning):
        await target.lately_running()


async def test_a_setting_that_has_changed_is_looked_at():
    settings = Settings()
    settings.container = "web"
    client = Client(WEB, replace(DB, running=True))

    async def connect():
        return client

    target = Target(settings, connect)
    await target.running()
    await target.running(
        "db"
    )  # A cell that went elsewhere: the next one goes where it went before.
    assert (await target.lately_running()).name == "web"
    settings.container = "db"
    assert (await target.lately_running()).name == "db"
