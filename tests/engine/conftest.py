"""Fixtures of the tests with real engines: clients, a Podman, and a cell in a container."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest

from devtools import containers, images
from devtools.kernel_ports import reserve_ports
from devtools.podman import PrivatePodman
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import parse_host

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _surroundings(own_home: None) -> None:
    reserve_ports()


@pytest.fixture
async def client(host) -> AsyncIterator[EngineClient]:
    async with EngineClient(parse_host(host, source="the test")) as ours:
        yield ours


@pytest.fixture(scope="session")
def podman() -> Iterator[PrivatePodman]:
    """A Podman of our own."""
    with PrivatePodman() as engine:
        images.ensure_image(engine.host, images.BUSYBOX)
        yield engine


@dataclass(frozen=True)
class Place:
    """An engine, and a container in it that tests share."""

    engine: str
    host: str
    client: EngineClient
    container: str
    #: Runs a container for one test, with the arguments of ``devtools.containers.run_container``.
    run: Callable[..., str]

    @property
    def is_podman(self) -> bool:
        return self.engine == "podman"


@pytest.fixture(scope="session")
def podman_busybox(podman: PrivatePodman) -> Iterator[str]:
    container_id = containers.run_container(podman.host, images.BUSYBOX, "shared-busybox")
    yield "shared-busybox"
    containers.remove_container(podman.host, container_id)


@pytest.fixture(params=["docker", "podman"])
async def place(request) -> AsyncIterator[Place]:
    """Either engine, so that one test proves that they look the same."""
    engine = request.param
    host = request.getfixturevalue(engine).host
    shared = request.getfixturevalue("busybox" if engine == "docker" else "podman_busybox")
    made: list[str] = []

    def run(image: str = images.BUSYBOX, **options: object) -> str:
        name = f"place-{next(_numbers)}"
        made.append(containers.run_container(host, image, name, **options))
        return name

    async with EngineClient(parse_host(host, source="the test")) as ours:
        yield Place(engine, host, ours, shared, run)
    for container_id in made:
        containers.remove_container(host, container_id)
