"""Each way in which a lab's kernel ends: nothing of the lab is left, counted on a real engine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from devtools import api, containers, images
from devtools.lab_page import LabServer
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import parse_host
from dexec_kernel.lab.parent import PARENT_LABEL, Parent
from dexec_kernel.lab.sweep import sweep
from dexec_kernel.picker import kernelspecs
from tests.kernel.labs import containers_of, make_lab
from tests.kernel.test_picker import ask, shut_down
from tests.waiting import GUARD, until

NAME = "endlab"
SPEC = f"dexec-lab-{NAME}"
FRAGILE = "dexec-lab-fragile"
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
        self.host = host

    def start_kernel(self, name: str = SPEC) -> str:
        return str(ask(self.page, "api/kernels", {"name": name})["id"])

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


async def sweep_for(
    host: str, server: Parent | None, kernels: Collection[str] = frozenset()
) -> None:
    """Do what a server with these kernels does every minute."""
    async with EngineClient(parse_host(host, source="the test")) as client:
        await sweep(client, server=server, kernels=lambda: kernels)


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
        # The student is root, and keeps the end of its stdin from ending it.
        cut = "kill -STOP -1; until grep -q 'State:.T' /proc/[0-9]*/status; do :; done"
        containers.run(host, kept, ["sh", "-c", cut])
        # The card of a lab is its only one: its containers have none.
        specs = ask(first.page, "api/kernelspecs")["kernelspecs"]
        assert [name for name in specs if NAME in name] == [SPEC]
        process = first.page._process
        process.kill()
        process.wait(GUARD)
    until(lambda: "running" not in containers_of(host, NAME).values())
    assert containers_of(host, KEPT) == {kept: "running"}
    second = Server(host, home, tmp_path)
    with second.page:
        until(lambda: containers_of(host, NAME) == {})
        until(lambda: containers_of(host, KEPT) == {kept: "exited"})
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


SEVERAL = f"""
title = "Several"
[containers.work]
image = "{images.BUSYBOX}"
volumes = ["data:/data"]
[containers.web]
image = "{images.BUSYBOX}"
volumes = ["more:/more"]
[tasks.endless]
title = "Endless"
where = "beside"
timeout = 1000
"""


def test_a_kernel_ends_in_the_middle_of_a_check(start_kernel, host, tmp_path):
    """Killed, it comes back to its containers; told to end, it leaves nothing, no volume either."""
    images.ensure_image(host, images.BUSYBOX)
    folder = tmp_path / "checklab"
    (folder / "checks").mkdir(parents=True)
    (folder / "lab.toml").write_text(SEVERAL)
    (folder / "checks/endless.sh").write_text("sleep 1000\n")
    kernel = start_kernel(arguments=(f"--lab={folder}",))

    def checkers() -> set[str]:
        found = containers_of(host, folder.name, checkers=True)
        own = containers_of(host, folder.name)
        return {item for item in found.keys() - own if found[item] == "running"}

    def volumes() -> list[str]:
        listed = api.call_json(host, "GET", "/volumes")["Volumes"] or ()
        return [item["Name"] for item in listed if item["Name"] not in others]

    others: list[str] = []
    others += volumes()
    kernel.run("echo mine >/data/mine")
    made = containers_of(host, folder.name)
    assert (len(made), len(volumes())) == (2, 2)
    parent = containers.inspect(host, next(iter(made)))["Config"]["Labels"][PARENT_LABEL]
    kernel.busy(kernel.send("%check endless"))
    until(checkers)
    kernel.manager.restart_kernel(now=True)
    until(lambda: not checkers())
    kernel.client.wait_for_ready(timeout=GUARD)
    assert kernel.run("cat /data/mine").text() == "mine\n"
    assert containers_of(host, folder.name) == made

    kernel.busy(kernel.send("%check endless"))
    until(checkers)
    os.kill(kernel.manager.provisioner.pid, signal.SIGTERM)
    until(lambda: not kernel.manager.is_alive())

    def is_empty() -> bool:
        """Whether nothing is left: what a busy engine does in no four seconds is the server's."""
        if found := containers_of(host, folder.name, checkers=True) or volumes():
            asyncio.run(sweep_for(host, Parent.read(parent)))
        return not found

    until(is_empty)


class Fragile(Server):
    """A server with kernels whose starts can be made to fail."""

    def __init__(self, host: str, home: Path, folder: Path) -> None:
        super().__init__(host, home, folder)
        self._program = folder / "start"
        self._program.write_text(f'#!/bin/sh\n[ ! -e {folder}/broken ] || exit 1\nexec "$@"\n')
        self._program.chmod(0o755)
        self._broken = folder / "broken"
        spec = json.loads((home / "data/kernels" / SPEC / "kernel.json").read_text())
        spec["argv"].insert(0, str(self._program))
        files = {
            f"data/kernels/{FRAGILE}/kernel.json": spec,
            "config/jupyter_server_config.json": {
                "AsyncIOLoopKernelRestarter": {"time_to_dead": 0.2},
            },
        }
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(content))

    def start_kernel(self, name: str = FRAGILE) -> str:
        return super().start_kernel(name)

    def kernels(self) -> dict[str, str]:
        listed = ask(self.page, "api/kernels")
        return {kernel["id"]: kernel["execution_state"] for kernel in listed}

    def break_starts(self, *, program: bool = False) -> None:
        """Have kernels end at their start; or have no program to start them with."""
        if program:
            self._program.unlink()
        self._broken.touch()

    async def sweep(self) -> None:
        """Do what the server does every minute."""
        process = self.page._process
        assert process is not None
        await sweep_for(self.host, Parent.of(process.pid), self.kernels())


def test_the_ends_of_kernels_that_a_server_cannot_start_again(host, home, tmp_path):
    server = Fragile(host, home, tmp_path)
    with server.page:
        # Five starts fail, and the server has the kernel no more; or none has a program.
        kernel, other = server.start_kernel(), server.start_kernel()
        server.run(kernel, "true")
        [first] = containers_of(host, NAME)
        server.run(other, "true")
        server.break_starts()
        os.kill(pid_of(kernel), signal.SIGKILL)
        until(lambda: kernel not in server.kernels())
        assert containers_of(host, NAME).pop(first) == "exited"
        asyncio.run(server.sweep())
        [second] = containers_of(host, NAME)
        assert second != first
        server.break_starts(program=True)
        with pytest.raises(urllib.error.HTTPError, match="500"):
            ask(server.page, f"api/kernels/{other}/restart", {})
        until(lambda: containers_of(host, NAME) == {second: "exited"})
        asyncio.run(server.sweep())
        assert containers_of(host, NAME) == {second: "exited"}, "a kernel that may be started again"
        shut_down(server.page, other)
        asyncio.run(server.sweep())
        until(lambda: containers_of(host, NAME, checkers=True) == {})
