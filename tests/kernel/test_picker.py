"""The server extension in a real Jupyter server: its answers to front ends and VS Code."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from devtools import containers, images
from devtools.engine import LeanEngine
from devtools.lab_page import LabServer
from tests.waiting import GUARD, until

LABELS = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "db",
    "com.docker.compose.container-number": "1",
}


def ask(server: LabServer, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call the server's REST interface, as a front end does."""
    request = urllib.request.Request(
        f"{server.url}/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"token {server.token}"},
    )
    with urllib.request.urlopen(request, timeout=GUARD) as answer:
        content = answer.read()
        return json.loads(content) if "json" in answer.headers["Content-Type"] else content


def shut_down(server: LabServer, kernel: str) -> None:
    request = urllib.request.Request(
        f"{server.url}/api/kernels/{kernel}",
        method="DELETE",
        headers={"Authorization": f"token {server.token}"},
    )
    with urllib.request.urlopen(request, timeout=GUARD) as answer:
        assert answer.status == 204


def kernelspecs(server: LabServer) -> dict[str, Any]:
    return ask(server, "api/kernelspecs")["kernelspecs"]


def wait_for(server: LabServer, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask again and again, as a front end does more patiently."""
    return until(lambda: found if holds(found := kernelspecs(server)) else None)


@pytest.fixture(scope="module")
def server(host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    directory = tmp_path_factory.mktemp("server")
    (directory / "config").mkdir()
    settings = {"DexecPicker": {"exclude": ["hidden-*"]}}
    (directory / "config/jupyter_server_config.json").write_text(json.dumps(settings))
    environment = {"DOCKER_HOST": host, "DEXEC_HISTORY_FILE": ":memory:"}
    with LabServer(directory, environment, bare=True) as running:
        yield running


def test_containers_come_and_go(server, run_container, host):
    assert {"dexec", "python3"} <= set(kernelspecs(server))
    run_container(name="hidden-by-a-setting")
    run_container(name="hidden-by-its-label", labels={"dexec.kernel": "false"})
    run_container(name="shop-db-1", labels=LABELS)
    name = run_container(name="Picked.1", labels={"dexec.display-name": "Lab <1>"})
    # The folder is read while it is written: one kernelspec is there before the other.
    found = wait_for(server, lambda specs: {"dexec-picked.1", "dexec-shop-db"} <= set(specs))
    assert found["dexec-picked.1"]["spec"]["display_name"] == "Lab <1>"
    assert found["dexec-shop-db"]["spec"]["display_name"] == "shop / db (busybox:1)"
    assert not [spec for spec in found if "hidden" in spec]
    logo = ask(server, found["dexec-picked.1"]["resources"]["logo-svg"].lstrip("/"))
    assert b"<svg" in logo
    containers.stop(host, name)
    # A page that has not looked since shows its card still, and a click there starts a kernel.
    wait_for(server, lambda specs: shown(specs, "dexec-picked.1") == "Picked.1 (not running)")
    containers.start(host, name)
    wait_for(server, lambda specs: shown(specs, "dexec-picked.1") == "Lab <1>")


def shown(specs: dict[str, Any], name: str) -> str:
    return specs[name]["spec"]["display_name"]


def test_a_kernel_starts_when_its_container_is_gone(server, run_container, host):
    """Started by its name, as VS Code does with a server's kernels."""
    name = run_container()
    spec = f"dexec-{name}"
    wait_for(server, lambda specs: spec in specs)
    kernel = ask(server, "api/kernels", {"name": spec})
    assert kernel["name"] == spec
    containers.remove_container(host, name)
    wait_for(server, lambda specs: shown(specs, spec) == f"{name} (not running)")
    shut_down(server, kernel["id"])
    again = ask(server, "api/kernels", {"name": spec})
    shut_down(server, again["id"])


def test_an_engine_that_is_away_or_hangs_holds_nothing_up(tmp_path):
    with LeanEngine() as engine:
        images.ensure_image(engine.host, images.BUSYBOX)
        containers.create_container(engine.host, images.BUSYBOX, "web")
        engine.stop_daemon()
        runtime, log = tmp_path / "runtime/dexec-picker", tmp_path / "log"
        with LabServer(tmp_path, {"DOCKER_HOST": engine.host}) as server:
            assert "dexec-web" not in kernelspecs(server)
            # The server answers requests before the picker has looked for the engine.
            until(lambda: reports(log) == (1, 0))
            engine.start_daemon()
            containers.start(engine.host, "web")
            wait_for(server, lambda specs: "dexec-web" in specs)
            # Not at the end: an engine that hangs for long enough is reported, too.
            assert reports(log) == (1, 1)
            [folder] = runtime.iterdir()
            assert f"server-{server_pid(tmp_path)}-" in folder.name
            os.kill(engine.pid, signal.SIGSTOP)
            try:
                # It answers while the engine does not, and ends by itself.
                assert "dexec-web" in kernelspecs(server), "nothing is known, so nothing changes"
                assert server.stop()
            finally:
                os.kill(engine.pid, signal.SIGCONT)
    assert list(runtime.iterdir()) == []
    assert "Traceback" not in log.read_text()


def test_a_log_is_served_to_its_owner_alone(server):
    runtime = server.notebooks.parent / "runtime"
    log = runtime / "dexec/kept-1-abc/cell-0001.log"
    log.parent.mkdir(parents=True)
    log.write_text("<script>the log</script>")
    secret = runtime / "dexec/secret"
    secret.write_text("secret")
    url = f"{server.url}/dexec/logs/kept-1-abc/cell-0001.log"
    owner = {"Authorization": f"token {server.token}"}
    request = urllib.request.Request(url, headers=owner)
    with urllib.request.urlopen(request, timeout=GUARD) as answer:
        assert answer.read() == log.read_bytes()
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="cell-0001.log"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        cookies = answer.headers.get_all("Set-Cookie") or []
    assert status(url, {}) in {302, 403, 404}
    # With a browser's cookie, a link on a page from elsewhere fetches nothing.
    with urllib.request.urlopen(
        f"{server.url}/api/status?token={server.token}", timeout=GUARD
    ) as page:
        cookies += page.headers.get_all("Set-Cookie") or []
    cookie = {"Cookie": "; ".join(text.partition(";")[0] for text in cookies)}
    assert status(url, {**cookie, "Referer": f"{server.url}/lab"}) == 200
    assert status(url, {**cookie, "Referer": "https://evil.example/"}) == 403
    for path in ("kept-1-abc/../secret", "kept-1-abc/%2e%2e%2fsecret", "kept-1-abc/cell-9999.log"):
        assert status(f"{server.url}/dexec/logs/{path}", owner) == 404
    log.unlink()
    log.symlink_to(secret)
    assert status(url, owner) == 404


def status(url: str, headers: dict[str, str]) -> int:
    """The status of an answer, which a redirection to the login page is too."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = HTTPConnection(host, timeout=GUARD)
    try:
        connection.request("GET", f"/{path}", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def reports(log: Path) -> tuple[int, int]:
    """How often the picker has said that it cannot ask, and that it can again."""
    text = log.read_text()
    lost, found = "cannot ask for containers", "has its containers again"
    return text.count(f"the kernel picker {lost}"), text.count(f"the kernel picker {found}")


def server_pid(directory: Path) -> int:
    [description] = (directory / "runtime").glob("jpserver-*.json")
    return int(json.loads(description.read_text())["pid"])
