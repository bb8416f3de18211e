"""Each way in which a lab's kernel ends: nothing of the lab is left, counted on a real engine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from devtools import containers, images
from devtools.lab_page import LabServer
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import parse_host
from dexec_kernel.lab.sweep import sweep
from dexec_kernel.picker import kernelspecs
from tests.kernel.labs import containers_of, make_lab
from tests.kernel.test_picker import ask, shut_down
from tests.waiting import GUARD, until

NAME = "endlab"
SPEC = f"dexec-lab-{NAME}"
KEPT, KEPT_SPEC = "keptlab", "dexec-lab-keptlab"


@pytest.fixture(scope="module")
def home(host, tmp_path_factory) -> Path:
    """Jupyter's data folder, with the lab's kernelspec."""
    images.ensure_image(host, images.BUSYBOX)
    place = tmp_path_factory.mktemp("ends")
    labs = {
        SPEC: make_lab(place, NAME),
        KEPT_SPEC: make_lab(place, KEPT, general="keep = true"),
    }
    for name, folder in labs.items():
        spec = kernelspecs.lab_spec(folder, name=name, title="A lab", env={"DOCKER_HOST": host})
        target = place / "data/kernels" / name
        target.mkdir(parents=True)
        for file, data in spec.files().items():
            (target / file).write_bytes(data)
    return place


class Server:
    """A Jupyter server with kernels of the lab."""

    def __init__(self, host: str, home: Path, folder: Path) -> None:
        extra = {
            "DOCKER_HOST": host,
            "DEXEC_HISTORY_FILE": ":memory:",
            "JUPYTER_PATH": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        }
        self.page = LabServer(folder, extra, bare=True)
        self._runtime = folder / "runtime"

    def start_kernel(self) -> str:
        return str(ask(self.page, "api/kernels", {"name": SPEC})["id"])

    def open_kept(self, notebook: str) -> str:
        """Open a notebook of the lab that is kept; return its kernel."""
        asked = {"path": notebook, "name": notebook, "type": "notebook"}
        session = ask(self.page, "api/sessions", {**asked, "kernel": {"name": KEPT_SPEC}})
        return str(session["kernel"]["id"])

    def run(self, kernel: str, code: str) -> str:
        """Run a cell as a front end does; return its output."""
        client = BlockingKernelClient(connection_file=str(self._runtime / f"kernel-{kernel}.json"))
        client.load_connection_file()
        client.start_channels()
        try:
            until(lambda: answers(client))
            printed: list[str] = []

            def hear(message: dict) -> None:
                if message["msg_type"] == "stream":
                    printed.append(message["content"]["text"])

            client.execute_interactive(code, timeout=GUARD, output_hook=hear, allow_stdin=False)
            return "".join(printed)
        finally:
            client.stop_channels()


@pytest.fixture
def server(host, home, tmp_path) -> Iterator[Server]:
    made = Server(host, home, tmp_path)
    with made.page:
        yield made


def answers(client: BlockingKernelClient) -> bool:
    """Whether the kernel is there: one that was killed comes back in a moment."""
    try:
        client.wait_for_ready(timeout=GUARD)
    except RuntimeError:
        return False
    return True


def left(host: str) -> list[str]:
    """What there is after a sweep, which the next lab or server would do."""

    async def look() -> None:
        async with EngineClient(parse_host(host, source="the test")) as client:
            await sweep(client)

    def count() -> bool:
        asyncio.run(look())
        return not containers_of(host, NAME, checkers=True)

    with suppress(AssertionError):  # The caller's says what there is.
        until(count)
    return [f"{name}: {state}" for name, state in containers_of(host, NAME, checkers=True).items()]


def pid_of(kernel: str) -> int:
    """Return the process of a kernel, by its connection file."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"kernel-{kernel}.json".encode() in words:
            return int(folder.name)
    raise AssertionError("the kernel does not run")


def test_the_ends_that_a_server_sees(server, host):
    """A front end's DELETE; a kernel that is killed keeps its container; SIGTERM to the server."""
    kernel = server.start_kernel()
    assert containers_of(host, NAME) == {}, "made by the request that starts the kernel"
    assert server.run(kernel, "echo mine >/root/mine; id -u") == "0\n"
    [container] = containers_of(host, NAME)

    os.kill(pid_of(kernel), signal.SIGKILL)
    until(lambda: containers_of(host, NAME) == {container: "exited"})
    until(lambda: ask(server.page, f"api/kernels/{kernel}")["execution_state"] != "dead")
    assert server.run(kernel, "cat /root/mine") == "mine\n"

    ask(server.page, f"api/kernels/{kernel}/restart", {})
    assert server.run(kernel, "cat /root/mine") == "mine\n"
    assert containers_of(host, NAME) == {container: "running"}
    shut_down(server.page, kernel)
    until(lambda: containers_of(host, NAME, checkers=True) == {})

    two = [server.start_kernel() for _ in range(2)]
    for kernel in two:
        server.run(kernel, "true")
    assert len(containers_of(host, NAME)) == 2
    assert server.page.stop()
    until(lambda: containers_of(host, NAME, checkers=True) == {})


def execute(host: str, home: Path, folder: Path, source: str) -> subprocess.Popen[bytes]:
    """Start nbclient's own program for a notebook."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source)],
        metadata={"kernelspec": {"name": SPEC, "display_name": "A lab", "language": "bash"}},
    )
    path = folder / "lab.ipynb"
    nbformat.write(notebook, path)
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "JPY"))
    }
    env |= {"JUPYTER_PATH": str(home / "data"), "DOCKER_HOST": host}
    command = [sys.executable, "-m", "jupyter", "execute", str(path)]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_nbclient_ends_or_is_killed(host, home, tmp_path):
    program = execute(host, home, tmp_path, "true")
    assert program.wait(GUARD) == 0
    assert containers_of(host, NAME) == {}
    program = execute(host, home, tmp_path, "sleep 1000")
    until(lambda: "running" in containers_of(host, NAME).values())
    program.kill()
    program.wait()
    until(lambda: "running" not in containers_of(host, NAME).values())
    assert left(host) == []


def test_servers_that_clean_nothing_up(host, home, tmp_path):
    """One is killed, and the next removes what is left; that is stopped by a hub.

    A hub's SIGINT ends a server without any hook.
    """
    first = Server(host, home, tmp_path)
    with first.page:
        first.run(first.start_kernel(), "true")
        first.run(first.open_kept("day.ipynb"), "echo mine >/root/mine")
        [kept] = containers_of(host, KEPT)
        # The card of a lab is its only one: its containers have none.
        specs = ask(first.page, "api/kernelspecs")["kernelspecs"]
        assert [name for name in specs if NAME in name] == [SPEC]
        process = first.page._process
        process.kill()
        process.wait(GUARD)
    until(lambda: "running" not in containers_of(host, NAME).values())
    until(lambda: containers_of(host, KEPT) == {kept: "exited"})
    second = Server(host, home, tmp_path)
    with second.page:
        until(lambda: containers_of(host, NAME) == {})
        # What is kept is given back the next day, and stops when its kernel ends.
        again = second.open_kept("day.ipynb")
        assert second.run(again, "cat /root/mine") == "mine\n"
        assert containers_of(host, KEPT) == {kept: "running"}
        shut_down(second.page, again)
        until(lambda: containers_of(host, KEPT) == {kept: "exited"})
        second.run(second.start_kernel(), "true")
        [container] = containers_of(host, NAME)
        process = second.page._process
        process.send_signal(signal.SIGINT)
        process.wait(GUARD)
        until(lambda: containers_of(host, NAME).get(container) != "running")
        assert left(host) == []
    assert containers_of(host, KEPT) == {kept: "exited"}
    containers.remove_container(host, kept)
