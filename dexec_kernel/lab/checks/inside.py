"""A check in the student's own container, as root, where the student is somebody else.

The check's text goes over the stdin of an exec of root's, which no other user may look at. What the
kernel knows is written into a folder of root's in memory, so that a read-only container will do.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress

from dexec_kernel.backend.lifecycle import LabEngine
from dexec_kernel.backend.models import ExecConfig, Frame, Stream
from dexec_kernel.backend.protocol import Exec
from dexec_kernel.errors import EngineError, ExecLost
from dexec_kernel.files.owner import owner_of
from dexec_kernel.lab.checks.exits import why_ended
from dexec_kernel.lab.checks.facts import Facts
from dexec_kernel.lab.checks.script import TELL_AND_EVALUATE, UNCLEAN, CheckScript, inside_text
from dexec_kernel.lab.checks.speech import Speech
from dexec_kernel.lab.result import Broken, CheckResult, TimedOut, result_of
from dexec_kernel.lab.spec import Capabilities, Lab

#: The loader reads them before the shell can do without.
_CLEAN = dict.fromkeys(UNCLEAN, "")
#: A folder in memory that every container has. Names in it are random, and made by root alone.
_MEMORY = "/dev/shm"  # noqa: S108 -- see above
#: In seconds: for the engine to start the shell. A check's time begins after that.
_START_WITHIN = 60.0
_KILL = 'kill -9 -- "-$1"; rm -rf "$2"'


async def refusal(engine: LabEngine, lab: Lab, student: str) -> str:
    """Return the reason why no check may run in a container, "" for none."""
    container = lab.containers[0]
    if container.is_root or lab.capabilities is Capabilities.DOCKER:
        return "The student may be root in the container, and could deceive a check inside it."
    uid, _ = await owner_of(engine, student, container.user)
    return "" if uid else f"The container's user {container.user!r} is root."


async def check_inside(
    engine: LabEngine,
    script: CheckScript,
    facts: Facts,
    *,
    student: str,
    timeout: float,  # noqa: ASYNC109 -- the result says so
) -> CheckResult:
    """Run a check in the container ``student``. Raises the engine's errors."""
    folder = f"{_MEMORY}/.dexec-{secrets.token_hex(8)}"
    mark = secrets.token_hex(16)
    command = ["sh", "-c", TELL_AND_EVALUATE, "check", mark]
    config = ExecConfig(command, attach_stdin=True, user="0", working_dir="/", env=_CLEAN)
    speech, begun = Speech(), time.time()
    process = _Process(mark)
    attached = await engine.exec(student, config)
    reader = _Reader(attached, process)
    try:
        if not await _has_begun(reader, process, speech):
            reason = f"The shell of the check did not start in {_START_WITHIN:g} s."
            return Broken(**speech.texts(), reason=reason)
        async with asyncio.timeout(timeout):
            text = inside_text(script, folder, facts)
            await asyncio.gather(
                _write(attached, text.encode("utf-8", "surrogateescape")),
                speech.listen(reader),
            )
            if fault := speech.fault:
                await _end(engine, student, process, folder)
                return Broken(**speech.texts(), reason=fault)
            exit_code = (await attached.wait()).exit_code
    except TimeoutError:
        await _end(engine, student, process, folder)
        return TimedOut(**speech.texts(), seconds=timeout)
    except asyncio.CancelledError:
        await _end(engine, student, process, folder)
        raise
    finally:
        attached.close()
    if exit_code is None:
        raise ExecLost("The exit code of the check is unknown.")
    why = await why_ended(engine, student, exit_code, begun)
    return result_of(exit_code, **speech.texts(), why=why)


class _Process:
    """The process of the check, as soon as it has told its id after a mark."""

    def __init__(self, mark: str) -> None:
        self.id = ""
        self._mark, self._line = mark.encode(), b""

    def find(self, data: bytes) -> bytes:
        """Return what is printed after the line that tells the id."""
        if self.id:
            return data
        self._line += data
        line, is_whole, rest = self._line.partition(b"\n")
        if not is_whole:
            return b""
        mark, _, pid = line.partition(b" ")
        if mark != self._mark or not pid.isdigit():
            self.id = "0"
            return self._line
        self.id = pid.decode()
        return rest


class _Reader:
    """The frames of an exec, without the line that tells the process's id."""

    def __init__(self, attached: Exec, process: _Process) -> None:
        self._attached, self._process = attached, process

    async def read(self) -> list[Frame]:
        frames = await self._attached.read()
        return [
            Frame(frame.stream, self._process.find(frame.data))
            if frame.stream is Stream.STDOUT
            else frame
            for frame in frames
        ]


async def _has_begun(reader: _Reader, process: _Process, speech: Speech) -> bool:
    """Wait for the shell's first words, or its end; return False where neither comes."""
    try:
        async with asyncio.timeout(_START_WITHIN):
            while not process.id and (frames := await reader.read()):
                speech.hear(frames)
    except TimeoutError:
        return False
    return True


async def _write(attached: Exec, data: bytes) -> None:
    await attached.write(data)
    await attached.close_write()


async def _end(engine: LabEngine, student: str, process: _Process, folder: str) -> None:
    """End the check and all that it has started in its process group."""
    if process.id in {"", "0"}:
        return
    command = ["sh", "-c", _KILL, "end", process.id, folder]
    with suppress(EngineError):  # The container may be gone with it.
        await engine.exec_detached(student, ExecConfig(command, user="0", env=_CLEAN))
