from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import (
    NUMBER_LABEL,
    PROJECT_LABEL,
    SERVICE_LABEL,
    SWARM_SERVICE_LABEL,
    SWARM_TASK_LABEL,
    bound_name,
    candidates,
    find_container,
    plain_name,
    require_running,
    short_name,
)
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    NotChosenError,
)
from tests.unit.support.fake_engine import FakeEngine, answer


def listed(*containers: tuple[str, str, str]) -> bytes:
    return answer(
        200,
        [
            {"Id": f"{name}-id", "Names": [f"/{name}"], "State": state, "Labels": {NUMBER_LABEL: n}}
            for name, state, n in containers
        ],
    )


@pytest.fixture(autouse=True)
def web(engine: FakeEngine) -> None:
    for name in ("web", "db"):
        config = {"Image": "i"}
        state = {"Running": True}
        body = {"Id": f"{name}-id", "Name": f"/{name}", "Config": config, "State": state}
        engine.on(rf"GET /v1\.41/containers/{name}(-id)?/json", answer(200, body))


async def test_the_only_one_that_runs(engine, client):
    engine.on(r"GET /v1\.41/containers/json", listed(("web", "running", ""), ("db", "paused", "")))
    assert (await find_container(client, "")).name == "web"


async def test_several_or_none_is_an_error_with_the_candidates(engine, client):
    engine.on(r"GET /v1\.41/containers/json", listed(("web", "running", ""), ("db", "running", "")))
    with pytest.raises(NotChosenError, match="2 containers") as caught:
        await find_container(client, "")
    assert caught.value.candidates == ("db", "web")
    assert [item.name for item in await candidates(client)] == ["db", "web"]
    engine.on(r"GET /v1\.41/containers/json", answer(200, []))
    with pytest.raises(NotChosenError, match="No container") as caught:
        await find_container(client, "")
    assert caught.value.candidates == ()


async def test_compose_service_is_the_lowest_number_that_runs(engine, client):
    engine.on(
        r"GET /v1\.41/containers/json",
        listed(("x", "exited", "1"), ("db", "running", "10"), ("web", "running", "2")),
    )
    assert (await find_container(client, "compose:shop/front")).name == "web"
    query = parse_qs(urlsplit(engine.calls[1].split(" ")[1]).query)
    assert query["all"] == ["1"]
    assert json.loads(query["filters"][0]) == {
        "label": [f"{PROJECT_LABEL}=shop", f"{SERVICE_LABEL}=front"]
    }


async def test_a_compose_number_may_have_thousands_of_digits(engine, client):
    engine.on(
        r"GET /v1\.41/containers/json",
        listed(("db", "running", "9" * 5_000), ("web", "running", "2")),
    )
    assert (await find_container(client, "compose:shop/front")).name == "web"


async def test_compose_service_without_a_container(engine, client):
    engine.on(r"GET /v1\.41/containers/json", answer(200, []))
    with pytest.raises(ContainerNotFound, match=r"'shop'.*'front'") as caught:
        await find_container(client, "compose:shop/front")
    assert "docker compose -p shop up -d front" in caught.value.advice


@pytest.mark.parametrize("name", ["compose:", "compose:shop", "compose:/front", "compose:shop/"])
async def test_compose_name_that_is_none(client, name):
    with pytest.raises(ConfigurationError, match="compose:PROJECT/SERVICE"):
        await find_container(client, name)


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({"Running": True, "Paused": True}, ContainerPaused),
        ({"Running": False}, ContainerNotRunning),
    ],
)
async def test_container_that_takes_no_exec(engine, client, state, error):
    body = {"Id": "x", "Name": "/web", "Config": {}, "State": state}
    engine.on(r"GET /v1\.41/containers/web/json", answer(200, body))
    found = await find_container(client, "web")
    with pytest.raises(error, match="'web'"):
        require_running(found)


@pytest.mark.parametrize(
    ("service", "task", "bound"),
    [
        ("web", "web.1.abc", "swarm:web.1"),
        ("shop_web", "shop_web.12.abc", "swarm:shop_web.12"),
        ("agent", "agent.n0deid.abc", "swarm:agent.n0deid"),
        # Labels come from whoever makes the container.
        ("web", "db.1.abc", "name"),
        ("web", "web.abc", "name"),
        ("web", "web..abc", "name"),
        ("web", "web.1/2.abc", "name"),
        ("web.1", "web.1.2.abc", "name"),
        ("", ".1.abc", "name"),
        ("web", "", "name"),
    ],
)
def test_a_swarms_task_is_bound_by_its_slot(service, task, bound):
    labels = {SWARM_SERVICE_LABEL: service, SWARM_TASK_LABEL: task}
    assert bound_name(ContainerSummary("1", "name", "img", "running", "Up", labels)) == bound
    assert plain_name("swarm:web.1") == "web.1"
    assert plain_name("compose:shop/db") == "shop/db"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (f"shop_web.12.{'a1' * 12}b", "shop_web.12"),
        (f"agent.{'n' * 25}.{'t' * 25}", "agent"),
        ("web.1.abc", "web.1.abc"),
        ("web", "web"),
    ],
)
def test_the_name_of_a_task_in_a_bar(name, short):
    assert short_name(name) == short
