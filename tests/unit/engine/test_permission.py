"""Sockets that this user may not use: the advice, wherever they are met."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dexec_kernel.engine import endpoint as endpoint_module
from dexec_kernel.engine import permission
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import Endpoint, find_endpoint, parse_host
from dexec_kernel.engine.permission import permission_fix
from dexec_kernel.errors import EngineUnavailable

NOBODY = 65534


@pytest.fixture
def group(monkeypatch) -> Callable[[str], None]:
    """Give every file to a group of that name."""

    def named(name: str) -> None:
        found = type("Group", (), {"gr_name": name})
        monkeypatch.setattr(permission.grp, "getgrgid", lambda _number: found)

    return named


@pytest.fixture
def denied() -> Iterator[Path]:
    """A socket with a listener that no user may use, not even root."""
    with tempfile.TemporaryDirectory(prefix="dexec-") as directory:
        folder = Path(directory)
        folder.chmod(0o755)
        path = folder / "s"
        with closing(socket.socket(socket.AF_UNIX)) as server:
            server.bind(str(path))
            server.listen()
            path.chmod(0)
            before = os.geteuid()
            if before == 0:  # Root may use any.
                os.seteuid(NOBODY)
            try:
                yield path
            finally:
                os.seteuid(before)


def test_the_sockets_group_is_the_one_to_join(tmp_path, group):
    path = tmp_path / "socket"
    path.touch()
    group("engines")
    path.chmod(0o660)
    assert permission_fix(str(path)).startswith('sudo usermod -aG engines "$USER"')
    path.chmod(0o600)
    assert "root alone" in permission_fix(str(path))
    group("root")
    path.chmod(0o660)
    assert "root alone" in permission_fix(str(path))


def test_nothing_to_look_at_means_dockers_group(tmp_path, monkeypatch):
    assert "usermod -aG docker" in permission_fix(str(tmp_path / "no such"))

    def nameless(_number: int) -> None:
        raise KeyError

    monkeypatch.setattr(permission.grp, "getgrgid", nameless)
    assert "usermod -aG docker" in permission_fix(str(tmp_path))


@pytest.mark.parametrize(("mode", "said"), [(0o700, "root alone"), (0o710, "usermod -aG engines")])
def test_a_folder_that_may_not_be_entered_decides(tmp_path, group, monkeypatch, mode, said):
    group("engines")
    folder = tmp_path / "podman"
    folder.mkdir(mode=mode)
    look = Path.stat

    def stat(path: Path, **options: bool) -> os.stat_result:
        if path.parent == folder:
            raise PermissionError(13, "Permission denied")
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    assert said in permission_fix(str(folder / "podman.sock"))


def test_no_engine_but_podmans_own_of_root(monkeypatch, denied):
    places = [Endpoint("Docker's", path=f"{denied}.no"), Endpoint("Podman's", path=str(denied))]
    monkeypatch.setattr(endpoint_module, "well_known_endpoints", lambda _env: iter(places))
    with pytest.raises(EngineUnavailable) as caught:
        find_endpoint({"HOME": "/nowhere"})
    assert f"{denied}: permission denied" in caught.value.message
    assert "root alone" in caught.value.advice
    assert "usermod" not in caught.value.advice


@pytest.mark.parametrize("call", ["json", "stream"])
async def test_a_named_socket_that_is_denied_is_not_to_be_started(denied, call):
    endpoint = parse_host(f"unix://{denied}", source="DOCKER_HOST")
    async with EngineClient(endpoint, api_version="1.41") as client:
        asking = client.ping() if call == "json" else client.container_logs("web")
        with pytest.raises(EngineUnavailable, match="Permission denied") as caught:
            await asking
    assert caught.value.advice == (
        "The address comes from DOCKER_HOST. The socket is for root alone. Use an engine of your"
        " own: systemctl --user start podman.socket"
    )


async def test_a_socket_that_is_not_there_still_is(tmp_path):
    endpoint = parse_host(f"unix://{tmp_path}/s", source="DOCKER_HOST")
    async with EngineClient(endpoint) as client:
        with pytest.raises(EngineUnavailable) as caught:
            await client.ping()
    assert "Start one" in caught.value.advice
