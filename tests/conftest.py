"""Fixtures of all tests: real engines, started when the first test asks, and containers in them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from devtools import containers, images
from devtools.engine import LeanEngine
from devtools.kube.private import PrivateKube
from devtools.sshd import PrivateSshd, missing_package
from tests import surroundings

# Before anything is imported that reads them.
surroundings.reset()

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep kernels and servers out of the developer's folders, but for the cache of downloads."""
    with pytest.MonkeyPatch.context() as patch:
        cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        patch.setenv("XDG_CACHE_HOME", cache)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def docker() -> Iterator[LeanEngine]:
    """A dockerd of our own."""
    with LeanEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def host(docker: LeanEngine) -> str:
    """The URL of our dockerd, as DOCKER_HOST has it."""
    return docker.host


@pytest.fixture(scope="session")
def sshd() -> Iterator[PrivateSshd]:
    """An ssh server of our own."""
    if package := missing_package():
        pytest.skip(f"the package {package} is not installed")
    with PrivateSshd() as server:
        yield server


@pytest.fixture(scope="session")
def kube() -> Iterator[PrivateKube]:
    """A front of pods of our own: containerd's CRI behind the Kubernetes API."""
    with PrivateKube() as cluster:
        yield cluster


@pytest.fixture
def run_pod(kube: PrivateKube) -> Iterator[Callable[..., str]]:
    """Run a pod, which is removed after the test, with the arguments of ``PrivateKube.run_pod``.

    Returns the name.
    """
    made: list[tuple[str, str]] = []

    def run(name: str = "", *, namespace: str = "default", **options: Any) -> str:
        name = name or f"test-{next(_numbers)}"
        made.append((namespace, name))
        return kube.run_pod(name, namespace=namespace, **options)

    yield run
    for namespace, name in made:
        kube.delete_pod(name, namespace=namespace)


@contextmanager
def _runner(host: str) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def run(image: str = images.BUSYBOX, name: str = "", **options: object) -> str:
        name = name or f"test-{next(_numbers)}"
        images.ensure_image(host, image)
        made.append(containers.run_container(host, image, name, **options))
        return name

    yield run
    for container_id in made:
        containers.remove_container(host, container_id)


@pytest.fixture
def run_container(host: str) -> Iterator[Callable[..., str]]:
    """Run a container, which is removed after the test, with the arguments of ``run_container``.

    Returns the name.
    """
    with _runner(host) as run:
        yield run


@pytest.fixture(scope="module")
def run_module_container(host: str) -> Iterator[Callable[..., str]]:
    """Run a container as ``run_container`` does; it is removed after the tests of a module."""
    with _runner(host) as run:
        yield run


def _shared(image: str, name: str) -> Callable[[str], Iterator[str]]:
    @pytest.fixture(scope="session", name=name)
    def fixture(host: str) -> Iterator[str]:
        images.ensure_image(host, image)
        container_id = containers.run_container(host, image, f"shared-{name}")
        yield f"shared-{name}"
        containers.remove_container(host, container_id)

    return fixture


#: Containers that tests share, by name; a test that stops or kills one makes one of its own.
busybox = _shared(images.BUSYBOX, "busybox")
debian = _shared(images.DEBIAN, "debian")
noshell = _shared(images.NOSHELL, "noshell")
