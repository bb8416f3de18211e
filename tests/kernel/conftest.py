"""Kernels as a front end starts them: the installed kernelspec, ZeroMQ, messages."""

from __future__ import annotations

import itertools
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from devtools import containers, images, processes
from devtools.engine import LeanEngine
from devtools.kernel_ports import reserve_ports
from tests.gate import Gate
from tests.kernel.forking import ForkingProvisioner, ForkServer
from tests.kernel.pool import Pool
from tests.record import MIME_TYPE as RECORD
from tests.waiting import GUARD, until

#: The name of a process that waits for a cell.
STANDBY = "dexec-standby"
_numbers = itertools.count(1)
#: How many used containers of an image are kept for other tests.
_MOST_SPARE = 3


@dataclass
class Result:
    """What came back for one cell: its iopub messages, each with the time it took, its reply."""

    reply: dict[str, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [message["msg_type"] for message in self.messages]

    def of(self, *types: str) -> list[dict[str, Any]]:
        return [message["content"] for message in self.messages if message["msg_type"] in types]

    def text(self, stream: str = "stdout") -> str:
        return "".join(part["text"] for part in self.of("stream") if part["name"] == stream)

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The outputs as a notebook stores them: displays in place, brought up to date."""
        found: list[dict[str, Any]] = []
        for message in self.messages:
            content, kind = message["content"], message["msg_type"]
            if kind == "update_display_data":
                display_id = content["transient"]["display_id"]
                shown = next(o for o in found if o.get("display_id") == display_id)
                shown["data"] = content["data"]
            elif kind == "display_data":
                display_id = content["transient"].get("display_id")
                found.append({"kind": kind, "display_id": display_id, "data": content["data"]})
            elif kind in {"stream", "error"}:
                found.append({"kind": kind, **content})
        return found

    @property
    def record(self) -> dict[str, Any]:
        """The record as it was at the end."""
        [record] = [o["data"][RECORD] for o in self.outputs if RECORD in o.get("data", {})]
        return record


class Kernel:
    """A running kernel and its client."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self.client = client
        #: The code of each cell.
        self.sent: list[str] = []
        #: Whether a test has had the manager, and may have done anything to the process.
        self.is_exposed = False
        #: What came while something else was waited for.
        self._passed: list[dict[str, Any]] = []
        #: Called with each message of iopub, whichever request it belongs to.
        self.hearers: list[Callable[[dict[str, Any]], None]] = []

    @property
    def manager(self) -> KernelManager:
        self.is_exposed = True
        return self._manager

    def send(self, code: str, **options: Any) -> str:
        self.sent.append(code)
        return self.client.execute(code, **options)

    def run(
        self,
        code: str,
        *,
        at: Callable[[dict[str, Any]], None] = lambda _message: None,
        timeout: float = GUARD,
        **options: Any,
    ) -> Result:
        """Run a cell to its end; ``at`` is called with each of its messages as it comes."""
        return self.collect(self.send(code, **options), at=at, timeout=timeout)

    def collect(
        self,
        request: str,
        *,
        at: Callable[[dict[str, Any]], None] = lambda _message: None,
        timeout: float = GUARD,
    ) -> Result:
        result = Result({})
        begin = time.monotonic()
        while True:
            message = self._passed.pop(0) if self._passed else self.hear(timeout)
            if not _belongs(message, request):
                continue
            if message["msg_type"] == "status":
                if message["content"]["execution_state"] == "idle":
                    break
                continue
            result.messages.append(message)
            result.times.append(time.monotonic() - begin)
            at(message)
        result.reply = self.reply(request, timeout=timeout)
        return result

    def hear(self, timeout: float = GUARD) -> dict[str, Any]:
        """Return the next message of iopub. Raises :class:`queue.Empty` after so many seconds."""
        message = self.client.get_iopub_msg(timeout=timeout)
        for hearer in self.hearers:
            hearer(message)
        return message

    def reply(self, request: str, *, timeout: float = GUARD) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def busy(self, request: str) -> None:
        """Wait until the kernel has begun with a cell, and says so. Takes what came before."""
        while True:
            message = self.hear()
            if _belongs(message, request) and message["msg_type"] == "execute_input":
                return

    def idles(self, kind: str, count: int) -> None:
        """Wait until so many requests of a kind have been dealt with; keep what else comes."""
        while count:
            message = self.hear()
            self._passed.append(message)
            state = message["content"].get("execution_state")
            count -= state == "idle" and message["parent_header"]["msg_type"] == kind

    def turn(self) -> None:
        """Let the kernel's event loop go round a few times while a cell runs."""
        for number in range(5):
            self.refuse_comm(f"turn-{number}", lambda _message: None)

    def refuse_comm(self, comm_id: str, at: Callable[[dict[str, Any]], None]) -> None:
        """Open a comm that the kernel has no target for, and wait until it closes it.

        In the middle of a cell that is the only sign: the kernel publishes no status then. ``at``
        is called with what else comes.
        """
        content = {"comm_id": comm_id, "target_name": "nobody", "data": {}}
        self.client.shell_channel.send(self.client.session.msg("comm_open", content))
        while True:
            message = self.hear()
            if (message["msg_type"], message["content"].get("comm_id")) == ("comm_close", comm_id):
                return
            at(message)

    def later(
        self, request: str, until: Callable[[list[dict[str, Any]]], object]
    ) -> list[dict[str, Any]]:
        """What still comes for a request that was answered, until ``until`` says that it is all."""
        found: list[dict[str, Any]] = []
        while not until(found):
            message = self.hear()
            if message["parent_header"].get("msg_id") == request:
                found.append(message)
        return found

    def asked(self, request: str) -> dict[str, Any]:
        """Wait for the next question, which is this cell's."""
        message = self.client.get_stdin_msg(timeout=GUARD)
        assert message["msg_type"] == "input_request"
        assert message["parent_header"]["msg_id"] == request
        return message["content"]

    def asks_nothing(self) -> bool:
        """Whether no question has come that was not taken. For cells that have ended."""
        return not self.client.stdin_channel.msg_ready()

    def interrupt_at(self, word: str) -> Callable[[dict[str, Any]], None]:
        """Interrupt a cell once, as soon as it has printed a word."""
        printed: list[str] = []

        def at(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                was_there = word in "".join(printed)
                printed.append(message["content"]["text"])
                if not was_there and word in "".join(printed):
                    self.interrupt()

        return at

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def renew(self) -> bool:
        """Begin a new session; return false where the kernel does not do as it should."""
        if not self._manager.is_alive():
            return False
        is_new = self.run("%reset").reply.get("status") == "ok"
        while self.client.stdin_channel.msg_ready():
            self.client.get_stdin_msg(timeout=GUARD)
        self._passed.clear()
        self.hearers.clear()
        return is_new

    def end(self, *, in_order: bool = False) -> None:
        """End the process, ``in_order`` or with SIGKILL. May be called again."""
        if self.client.channels_running:
            self.client.stop_channels()
        if self._manager.has_kernel:
            self._manager.shutdown_kernel(now=not in_order)
        self._manager.cleanup_resources()


def _belongs(message: dict[str, Any], request: str) -> bool:
    """Whether a message is of a cell. Manager and client count their requests with equal ids."""
    parent = message["parent_header"]
    return parent.get("msg_id") == request and parent["msg_type"] == "execute_request"


def environment(host: str, **settings: str) -> dict[str, str]:
    """A kernel's environment, with no settings but these."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DEXEC_", "DOCKER_"))
    }
    # The history of whoever runs the tests is left alone.
    return {**kept, "DOCKER_HOST": host, "DEXEC_HISTORY_FILE": ":memory:", **settings}


@pytest.fixture(scope="session", autouse=True)
def _surroundings(own_home: None) -> None:
    reserve_ports()


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """What the kernels of a worker are forked from."""
    server = ForkServer()
    yield server
    server.close()


@contextmanager
def starter(host: str, server: ForkServer | None = None) -> Iterator[Callable[..., Kernel]]:
    """Yield what starts kernels, which end here; they are forked where there is a server."""
    started: dict[Kernel, bool] = {}

    def start(
        *,
        arguments: tuple[str, ...] = (),
        engine: str = "",
        cwd: str | None = None,
        program: str = "",
        **settings: str,
    ) -> Kernel:
        manager = KernelManager(kernel_name="dexec")
        if program:
            manager.kernel_spec.argv[1:3] = ["-c", program]
        if server:
            manager.provisioner = ForkingProvisioner(
                parent=manager, kernel_spec=manager.kernel_spec, server=server
            )
        manager.start_kernel(
            env=environment(engine or host, **settings),
            extra_arguments=list(arguments),
            cwd=cwd,
        )
        client = manager.client()
        client.start_channels()
        kernel = Kernel(manager, client)
        started[kernel] = any(word.startswith("--lab=") for word in arguments)
        client.wait_for_ready(timeout=GUARD)
        return kernel

    try:
        yield start
    finally:
        for kernel, is_lab in started.items():
            # Killed, a lab's kernel leaves its containers to the next one.
            kernel.end(in_order=is_lab)


@pytest.fixture
def start_kernel(host: str, fork_server: ForkServer) -> Iterator[Callable[..., Kernel]]:
    """Start a kernel; settings are environment variables: ``DEXEC_CONTAINER="web"``.

    ``program`` is Python that starts it, in place of ``python -m dexec_kernel``.
    """
    with starter(host, fork_server) as start:
        yield start


@pytest.fixture
def start_installed_kernel(host: str) -> Iterator[Callable[..., Kernel]]:
    """Start a kernel by the command of its kernelspec, as Jupyter does: not forked."""
    with starter(host) as start:
        yield start


@pytest.fixture(scope="module")
def start_module_kernel(host: str, fork_server: ForkServer) -> Iterator[Callable[..., Kernel]]:
    """Start a kernel that the tests of a module share."""
    with starter(host, fork_server) as start:
        yield start


@pytest.fixture(scope="session")
def pool(host: str, fork_server: ForkServer) -> Iterator[Pool]:
    """Kernels that one test uses after the other."""
    with starter(host, fork_server) as start:
        yield Pool(start)


@pytest.fixture
def kernel(pool: Pool, busybox: str) -> Iterator[Kernel]:
    """A kernel in the shared busybox container."""
    with pool.kernel(DEXEC_CONTAINER=busybox) as kernel:
        yield kernel


@pytest.fixture
def bash(pool: Pool, debian: str) -> Iterator[Kernel]:
    """A kernel in the shared container that has bash and Python."""
    with pool.kernel(DEXEC_CONTAINER=debian) as kernel:
        yield kernel


@dataclass(frozen=True)
class _Lone:
    name: str
    id: str


@pytest.fixture(scope="session")
def _spare_containers(host: str) -> Iterator[dict[str, list[_Lone]]]:
    """Containers by their images that tests have used, the latest last."""
    found: dict[str, list[_Lone]] = {}
    yield found
    for lone in itertools.chain(*found.values()):
        containers.remove_container(host, lone.id)


@pytest.fixture
def lone_container(
    host: str, _spare_containers: dict[str, list[_Lone]]
) -> Iterator[Callable[[str], str]]:
    """Return the name of a container that no other test uses meanwhile, to count its processes.

    A later test has it where this one has left none in it. A fixture asks for it before it asks for
    kernels, which are to end first.
    """
    used: list[tuple[str, _Lone]] = []

    def take(image: str) -> str:
        spare = _spare_containers.setdefault(image, [])
        lone = next((lone for lone in spare if _is_as_new(host, lone.id)), None)
        if lone is not None:
            spare.remove(lone)
        else:
            images.ensure_image(host, image)
            name = f"lone-{next(_numbers)}"
            lone = _Lone(name, containers.run_container(host, image, name))
        used.append((image, lone))
        return lone.name

    yield take
    for image, lone in used:
        # The processes of a kernel that was killed just now take a moment to end.
        spare = _spare_containers[image]
        spare.append(lone)
        if len(spare) > _MOST_SPARE:
            containers.remove_container(host, spare.pop(0).id)


def _is_as_new(host: str, container_id: str) -> bool:
    """Whether a container runs its PID 1 and has no other process, not even a zombie."""
    names = [process.name for process in processes.of_container(container_id)]
    if names != ["sleep"]:
        return False
    return containers.inspect(host, container_id)["State"]["Status"] == "running"


@pytest.fixture
def commands(host: str) -> Callable[[str], list[str]]:
    """List the command lines of a container's processes, but for its PID 1 and the standbys."""

    def look(container: str) -> list[str]:
        listing = processes.of_container(containers.inspect(host, container)["Id"])
        return [
            process.command
            for process in listing
            if not process.zombie
            and "2147483647" not in process.command
            and process.name != STANDBY
        ]

    return look


@pytest.fixture
def gone(commands: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """Wait until only PID 1 is left of what a container runs; return what is left: nothing."""

    def wait(container: str) -> list[str]:
        left: list[str] = []

        def is_empty() -> bool:
            left[:] = commands(container)
            return not left

        try:
            until(is_empty)
        except AssertionError as error:
            raise AssertionError(f"there are still {left}") from error
        return left

    return wait


@pytest.fixture
def gate(host: str) -> Callable[[str], Gate]:
    """Make a gate in a container."""
    return lambda container: Gate(host, container)


@pytest.fixture(scope="session")
def fragile_engine() -> Iterator[LeanEngine]:
    """An engine with a busybox called ``work``, for tests that stop or freeze it and heal it."""
    with LeanEngine() as engine:
        images.ensure_image(engine.host, images.BUSYBOX)
        containers.run_container(engine.host, images.BUSYBOX, "work")
        yield engine


@pytest.fixture
def silent_engine() -> Iterator[tuple[str, threading.Event]]:
    """An engine that accepts connections and answers nothing; the event tells of the first."""
    # Not tmp_path, which is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="dexec-") as folder, socket.socket(socket.AF_UNIX) as s:
        s.bind(str(Path(folder) / "engine.sock"))
        s.listen()
        asked = threading.Event()
        kept: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    kept.append(s.accept()[0])
                    asked.set()
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"unix://{folder}/engine.sock", asked
        s.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()
