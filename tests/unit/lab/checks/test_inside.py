"""A check inside the student's container, by an exec that says what a test has it say."""

from __future__ import annotations

import asyncio

from dexec_kernel.backend.models import ExecConfig, ExecInspect, ExecState, Frame, Stream
from dexec_kernel.lab.checks.facts import Facts
from dexec_kernel.lab.checks.inside import check_inside
from dexec_kernel.lab.checks.script import CheckScript
from dexec_kernel.lab.result import Broken, Passed, TimedOut


class Engine:
    """Is an engine, and its only exec too. ``pauses`` are those before each thing that it says."""

    def __init__(self, *pauses: float) -> None:
        self._pauses = list(pauses)
        self.sent = b""
        self.ended: list[str] = []
        self.is_closed = False

    async def exec(self, _container: str, config: ExecConfig) -> Engine:
        assert not self.sent
        self._says = [f"{config.cmd[-1]} 7\n".encode(), b"well done\n"]
        return self

    async def exec_detached(self, _container: str, config: ExecConfig) -> None:
        self.ended.append(config.cmd[-2])

    async def read(self) -> list[Frame]:
        if not self._says:
            return []
        await asyncio.sleep(self._pauses.pop(0) if self._pauses else 10_000)
        return [Frame(Stream.STDOUT, self._says.pop(0))]

    async def write(self, data: bytes) -> None:
        self.sent += data

    async def close_write(self) -> None:
        pass

    async def wait(self) -> ExecInspect:
        return ExecInspect("e", "c", ExecState.EXITED, pid=7, exit_code=0)

    def close(self) -> None:
        self.is_closed = True


async def check(engine: Engine) -> object:
    return await check_inside(engine, CheckScript("exit 0"), Facts(), student="s", timeout=5)


async def test_the_time_begins_when_the_shell_has_started():
    engine = Engine(59, 4)
    assert await check(engine) == Passed(message="well done", duration=0)
    assert engine.is_closed


async def test_a_shell_that_does_not_start_is_sent_nothing():
    engine = Engine()
    result = await check(engine)
    assert isinstance(result, Broken)
    assert result.reason == "The shell of the check did not start in 60 s."
    assert (engine.sent, engine.ended, engine.is_closed) == (b"", [], True)


async def test_what_takes_too_long_is_ended():
    engine = Engine(1)
    assert await check(engine) == TimedOut(message="", seconds=5, duration=0)
    assert engine.ended == ["7"]
