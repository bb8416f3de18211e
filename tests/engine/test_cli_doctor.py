"""`dexec-kernel doctor` with a real engine: containers in every state, and proxies."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from devtools import containers, images
from devtools.engine import LeanEngine
from dexec_kernel.cli.command import FAILED, OK, run
from tests.waiting import until

CHECKS = [
    *("python", "packages", "kernelspec", "policy", "settings", "server", "endpoint", "connection"),
    *("api", "picker", "container", "state", "cell", "stdin", "user"),
]


@pytest.fixture(autouse=True)
def environment(host, tmp_path, monkeypatch):
    """The tests' engine, and a home of their own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", host)
    for name in os.environ:
        if name.startswith("DEXEC_"):
            monkeypatch.delenv(name)


@pytest.fixture
def examine(capsys):
    """Run the doctor; returns its findings by their names."""

    def call(*arguments: str, status: int = OK) -> dict[str, dict[str, str]]:
        assert run(["doctor", "--json", *arguments]) == status
        found = json.loads(capsys.readouterr().out)
        assert [finding["check"] for finding in found] == CHECKS
        return {finding["check"]: finding for finding in found}

    return call


def broken(found: dict[str, dict[str, str]]) -> tuple[str, str, list[str]]:
    """Return the broken checks with their remedies, and the checks that were skipped."""
    (bad,) = (finding for finding in found.values() if finding["status"] == "failed")
    skipped = [name for name, finding in found.items() if finding["status"] == "not checked"]
    return bad["message"], bad["fix"], skipped


@pytest.mark.parametrize(("image", "shell"), [(images.BUSYBOX, "sh"), (images.DEBIAN, "bash")])
def test_everything_works(image, shell, run_container, host, examine):
    name = run_container(image, user="65534:65534", working_dir="/tmp")
    found = examine("--container", name)
    assert {finding["status"] for finding in found.values()} == {"ok"}
    assert found["endpoint"]["message"] == f"{host}, from DOCKER_HOST"
    assert found["connection"]["message"].startswith("Docker/")
    assert found["container"]["message"] == f"{name}, from --container; image {image}"
    assert f"ran in {shell} within " in found["cell"]["message"]
    assert "exit code 0, PID " in found["cell"]["message"]
    assert "unknown" not in found["cell"]["message"]
    assert found["user"]["message"] == "65534:65534 (uid 65534), in the folder /tmp"


def test_the_environment_names_the_container(busybox, examine, monkeypatch):
    monkeypatch.setenv("DEXEC_CONTAINER", busybox)
    assert "from DEXEC_CONTAINER" in examine()["container"]["message"]


def test_a_paused_container(run_container, host, examine):
    name = run_container()
    containers.pause(host, name)
    found = broken(examine("--container", name, status=FAILED))
    assert found == ("paused", f"docker unpause {name}", ["cell", "stdin", "user"])


def test_a_stopped_container(run_container, host, examine):
    name = run_container()
    containers.stop(host, name)
    found = broken(examine("--container", name, status=FAILED))
    assert found == ("not running", f"docker start {name}", ["cell", "stdin", "user"])


def test_a_container_that_is_not_there(examine):
    message, fix, skipped = broken(examine("--container", "no-such-thing", status=FAILED))
    assert "no-such-thing" in message
    assert "dexec-kernel list --all" in fix
    assert skipped == ["state", "cell", "stdin", "user"]


def test_an_image_without_a_shell(noshell, examine):
    found = examine("--container", noshell)
    assert found["cell"]["status"] == "warning"
    assert "no shell" in found["cell"]["message"]
    assert found["stdin"]["status"] == "not checked"


def test_a_working_directory_that_is_gone(host, run_container, examine):
    name = run_container(
        cmd=["sh", "-c", "cd /; rmdir /gone; exec sleep 1000"], working_dir="/gone"
    )
    until(lambda: containers.run(host, name, ["test", "-d", "/gone"], working_dir="/").exit_code)
    found = examine("--container", name, status=FAILED)
    assert found["cell"]["status"] == "failed"
    assert "working directory" in found["cell"]["message"]


def test_several_run_and_none_is_chosen(run_container, examine):
    names = {run_container(), run_container()}
    found = examine()
    assert found["container"]["status"] == "warning"
    assert all(name in found["container"]["message"] for name in names)
    assert found["container"]["fix"].startswith("dexec-kernel doctor --container ")
    assert found["state"]["status"] == "not checked"


def test_an_api_version_that_the_engine_lacks(busybox, examine, monkeypatch):
    monkeypatch.setenv("DOCKER_API_VERSION", "9.9")
    found = examine("--container", busybox, status=FAILED)
    assert found["api"]["status"] == "failed"
    assert "DOCKER_API_VERSION" in found["api"]["fix"]


def test_an_engine_of_ones_own(examine, monkeypatch):
    """None at all, one that is stopped, the only one."""
    with LeanEngine() as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.host)
        _, fix, _ = broken(examine(status=FAILED))
        assert fix == "docker run -d --name work IMAGE sleep infinity"
        images.ensure_image(engine.host, images.BUSYBOX)
        containers.create_container(engine.host, images.BUSYBOX, "lonely")
        _, fix, _ = broken(examine(status=FAILED))
        assert fix == "docker start lonely"
        containers.start(engine.host, "lonely")
        found = examine()
        assert found["container"]["message"].startswith("lonely, the only running one")
        assert found["cell"]["status"] == "ok"


def test_a_proxy_that_passes_no_upgrade(docker, busybox, examine, monkeypatch):
    with proxy(docker.host.removeprefix("unix://")) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        found = examine("--container", busybox)
    assert found["stdin"]["status"] == "warning"
    assert "Connection: Upgrade" in found["stdin"]["fix"]
    assert found["cell"]["status"] == "ok"


@contextmanager
def proxy(path: str) -> Iterator[str]:
    """Run a proxy before the engine that drops the upgrade; yields its address."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as engine:
                engine.connect(path)
                back = threading.Thread(target=pipe, args=(engine, self.request))
                back.start()
                pipe(self.request, engine)
                back.join()

    def pipe(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65536):
            for header in (b"Connection: Upgrade\r\n", b"Upgrade: tcp\r\n"):
                data = data.replace(header, b"")
            target.sendall(data)
        with suppress(OSError):  # It has gone as well.
            target.shutdown(socket.SHUT_WR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
