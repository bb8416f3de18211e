"""A server culls a lab's idle kernel: its containers are removed, and what is kept is stopped."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
import websocket

from devtools import containers, images
from dexec_kernel.picker import kernelspecs
from tests.kernel.labs import containers_of, make_lab
from tests.kernel.test_lab_ends import Server
from tests.kernel.test_picker import ask
from tests.waiting import GUARD, until

CULLED, KEPT = "culledlab", "culledkeep"
#: A kernel is culled where nobody is connected to it for longer than a front end takes to connect.
CONFIG = {"MappingKernelManager": {"cull_idle_timeout": 10, "cull_interval": 1}}


@pytest.fixture
def server(host, tmp_path):
    images.ensure_image(host, images.BUSYBOX)
    for name, general in {CULLED: "", KEPT: "keep = true"}.items():
        folder = make_lab(tmp_path, name, general=general)
        spec = kernelspecs.lab_spec(
            folder, name=_spec(name), title="A lab", env={"DOCKER_HOST": host}
        )
        target = tmp_path / "data/kernels" / _spec(name)
        target.mkdir(parents=True)
        for file, data in spec.files().items():
            (target / file).write_bytes(data)
    config = tmp_path / "config/jupyter_server_config.json"
    config.parent.mkdir()
    config.write_text(json.dumps(CONFIG))
    made = Server(host, tmp_path, tmp_path)
    with made.page:
        yield made


def _spec(lab: str) -> str:
    return f"dexec-lab-{lab}"


def connect(server: Server, lab: str) -> tuple[str, websocket.WebSocket]:
    """Start a kernel and connect to it as a front end does; a late one finds it culled."""
    while True:
        kernel = server.start_kernel(_spec(lab))
        url = f"{server.page.url.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
        with suppress(websocket.WebSocketBadStatusException):
            header = [f"Authorization: token {server.page.token}"]
            return kernel, websocket.create_connection(url, header=header, timeout=GUARD)


def test_a_culled_kernel_leaves_no_container(server, host):
    pages = {lab: connect(server, lab) for lab in (CULLED, KEPT)}
    for kernel, _ in pages.values():
        assert server.run(kernel, "id -u") == "0\n"
    [kept] = containers_of(host, KEPT)
    assert list(containers_of(host, CULLED).values()) == ["running"]
    for _, page in pages.values():
        page.close()
    until(lambda: ask(server.page, "api/kernels") == [])
    until(lambda: containers_of(host, CULLED, checkers=True) == {})
    until(lambda: containers_of(host, KEPT, checkers=True) == {kept: "exited"})
    containers.remove_container(host, kept)
