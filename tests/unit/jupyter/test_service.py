"""The service of a front end: every cell gets its reply, and an interrupt ends any work of it."""

from __future__ import annotations

import asyncio
import json
import logging
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import pytest

from dexec_kernel.cells.source.cell import parse_cell
from dexec_kernel.errors import EngineUnavailable
from dexec_kernel.jupyter.again import FailedCell
from dexec_kernel.jupyter.bars import Bars
from dexec_kernel.jupyter.history import allowed_file
from dexec_kernel.jupyter.messages import Messages
from dexec_kernel.jupyter.service import Service
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.policy.rules import Policy


class Kernel:
    """Keeps the messages that are sent; one in ``refused`` cannot be."""

    def __init__(self) -> None:
        self.log = logging.getLogger("dexec-test")
        self.iopub_socket = None
        self.execution_count = 1
        self.session = SimpleNamespace(send=self._send)
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def get_parent(self, _channel: str) -> dict[str, Any]:
        return {}

    _shell_parent_ident = b""

    def _get_shell_context_var(self, variable: bytes) -> bytes:
        return variable

    def _topic(self, _kind: str) -> bytes:
        return b""

    def _send(self, _socket: object, kind: str, content: dict[str, Any], **_options: Any) -> None:
        json.dumps(content, ensure_ascii=False).encode()
        self.sent.append((kind, content))


class Target:
    """An engine that cannot be reached: the test decides how."""

    def __init__(self, look) -> None:
        self._look = look
        self.policy = Policy()
        self.forgotten = 0

    async def client(self):
        return await self._look()

    async def container(self, _name=""):
        return await self._look()

    running = container

    async def answers(self) -> bool:
        return False

    def preparing(self, _publish) -> None:
        return None

    room = desk = None

    def after_cell(self) -> None:
        pass

    async def end(self, *, restarts: bool) -> None:
        pass

    async def forget(self) -> None:
        self.forgotten += 1


@pytest.fixture
async def make(monkeypatch):
    made = []

    def make_service(look):
        kernel, settings = Kernel(), Settings()
        settings.standby = 0
        settings.history_file = ":memory:"
        target = Target(look)
        monkeypatch.setattr("dexec_kernel.jupyter.service.target_of", lambda *_of: target)
        service = Service(kernel, settings, has_waiting=lambda: False, bars=Bars("", kernel.log))
        service._preparation.after_cell = lambda: None
        made.append(service)
        return service, kernel

    yield make_service
    for service in made:
        await service.aclose()


@pytest.mark.parametrize("code", ["echo x", "%status", "%show :/f", "%%exec -c web\ntrue"])
async def test_a_fault_of_the_kernel_is_the_reply_and_the_next_cell_is_served(make, code):
    async def look():
        raise ZeroDivisionError("no")

    service, kernel = make(look)
    for _ in range(2):
        fault = await service.execute(code, silent=False, interactive=False)
        assert fault.name == "InternalError"
        assert "ZeroDivisionError" in fault.value
    assert [kind for kind, _ in kernel.sent] == ["error", "error"]


async def test_what_a_policy_refuses_to_a_setting_no_cell_gets(make):
    async def look():
        raise AssertionError("nothing is looked for")

    service, _ = make(look)
    service._target.policy = Policy(file="p", local_files=False, timeout=60)
    service._settings.history_file = "/x"
    for code in ("true", "%status", "%timeout 5"):
        fault = await service.execute(code, silent=False, interactive=False)
        assert (fault.name, "files.local in p" in fault.value) == ("PolicyRefused", True)
    assert allowed_file("/x", lambda: service._target.policy) == ":memory:"
    service._settings.history_file = ""
    fault = await service.execute("%timeout off", silent=False, interactive=False)
    assert (fault.name, service._settings.timeout) == ("PolicyRefused", 0.0)
    assert await service.execute("%timeout 5", silent=False, interactive=False) is None
    assert service._settings.timeout == 5.0


@pytest.mark.parametrize("later", [True, False])
async def test_a_cell_of_run_all_may_come_a_moment_later(make, monkeypatch, later):
    """Then %container does not run the cell that failed: Run All has it, too."""

    async def look():
        raise AssertionError("nothing is looked for")

    service, _ = make(look)
    seen = iter([False, later])
    monkeypatch.setattr(service._work, "_has_waiting", lambda: next(seen))
    assert await service._work._is_last() is not later
    assert next(seen, None) is None


async def test_an_engine_that_is_gone_is_looked_for_again(make):
    async def look():
        raise EngineUnavailable("gone")

    service, _ = make(look)
    for _ in range(2):
        fault = await service.execute("true", silent=True, interactive=False)
        assert fault.name == "EngineUnavailable"
    assert service._target.forgotten == 2


@pytest.mark.parametrize("code", ["true", "%status", "%status\ntrue", "%logs -f\ntrue"])
async def test_an_interrupt_ends_the_look_for_the_container(make, code):
    looking = asyncio.Event()

    async def look():
        looking.set()
        await asyncio.Event().wait()

    service, _ = make(look)
    cell = asyncio.create_task(service.execute(code, silent=False, interactive=False))
    await looking.wait()
    service.interrupt()
    assert (await cell).name == "KeyboardInterrupt"


async def test_an_interrupt_ends_the_cell_that_runs_and_those_that_wait_for_their_turn(make):
    looking = asyncio.Event()

    async def look():
        looking.set()
        await asyncio.Event().wait()

    service, kernel = make(look)
    failed = FailedCell(parse_cell("echo again"), "echo again", 1, "", copy_context())
    service._again.start(failed)
    await looking.wait()
    behind = [
        asyncio.create_task(service.execute(code, silent=False, interactive=False))
        for code in ("echo b", "%status")
    ]
    await asyncio.sleep(0)
    service.interrupt()
    assert [(await cell).name for cell in behind] == ["KeyboardInterrupt"] * 2
    names = [content["ename"] for kind, content in kernel.sent if kind == "error"]
    assert names == ["KeyboardInterrupt"] * 3
    after = asyncio.create_task(service.execute("echo c", silent=False, interactive=False))
    looking.clear()
    await looking.wait()
    service.interrupt()
    assert (await after).name == "KeyboardInterrupt"


async def test_an_interrupt_in_the_moment_when_the_container_is_found_is_kept(make):
    async def look():
        service.interrupt()
        return SimpleNamespace()

    service, _ = make(look)
    fault = await service.execute("true", silent=False, interactive=False)
    assert fault.name == "KeyboardInterrupt"


async def test_an_interrupt_of_nothing_leaves_the_next_cell_alone(make):
    async def look():
        raise EngineUnavailable("gone")

    service, _ = make(look)
    service.interrupt()
    fault = await service.execute("true", silent=False, interactive=False)
    assert fault.name == "EngineUnavailable"


async def test_it_ends_twice_and_without_an_engine(make):
    service, _ = make(None)
    await service.aclose()


async def test_a_message_that_no_front_end_can_read_is_mended(make):
    _, kernel = make(None)
    messages = Messages(kernel, silent=False)
    messages.publish("stream", {"name": "stdout", "text": "a\ud800b"})
    assert kernel.sent == [("stream", {"name": "stdout", "text": "a\ufffdb"})]
