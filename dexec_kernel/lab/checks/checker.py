"""One container that waits to run one check, and is gone afterwards.

Its main process is a shell on the stdin that we hold: a checker ends when its owner does, and with
it everything that a check has started. As PID 1 it cannot be killed from within.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from dexec_kernel.backend.lifecycle import CreateConfig, LabEngine
from dexec_kernel.backend.models import Stream
from dexec_kernel.backend.protocol import FrameChannel
from dexec_kernel.errors import (
    ContainerNotFound,
    ContainerNotRunning,
    CopyError,
    EngineError,
    ExecLost,
)
from dexec_kernel.lab.checks.delivery import Parcel, deliver
from dexec_kernel.lab.checks.exits import KILLED, why_ended
from dexec_kernel.lab.checks.facts import Facts
from dexec_kernel.lab.checks.handover import TooMuch
from dexec_kernel.lab.checks.script import MOUNTED, CheckScript, check_line, removal_line, run_file
from dexec_kernel.lab.checks.speech import Speech
from dexec_kernel.lab.result import Broken, CheckResult, NotYet, TimedOut, result_of
from dexec_kernel.lab.shielded import to_the_end

#: In seconds: what removing the pristine files and copying the student's may take.
_DELIVERY_WITHIN = 60.0

SetUp = Callable[[str], Awaitable[None]]


class CheckerGone(ExecLost):
    """The container has ended before the check began: another one can run it."""


class FilesChanged(CopyError):
    """The student's files could not be copied to their end: something writes to them."""


class Checker:
    """A container for one check. Close it with :meth:`aclose`, whether it was used or not."""

    def __init__(self, engine: LabEngine, container: str, streams: FrameChannel) -> None:
        self._engine = engine
        self._container = container
        self._streams = streams
        self._is_removed = False

    @classmethod
    async def start(
        cls, engine: LabEngine, config: CreateConfig, *, name: str, set_up: SetUp
    ) -> Checker:
        """Start a container; ``set_up`` is called with its id.

        Raises the engine's errors, and what ``set_up`` raises; nothing is left then.
        """
        container, streams = name, None
        try:
            container = await to_the_end(engine.container_create(config, name=name))
            streams = await engine.container_attach(container)
            await engine.container_start(container)
            await set_up(container)
        except BaseException:
            if streams is not None:
                streams.close()
            with suppress(EngineError):  # The first error is the one to tell.
                await to_the_end(engine.container_remove(container, force=True))
            raise
        return cls(engine, container, streams)

    async def run(
        self,
        script: CheckScript,
        facts: Facts,
        *,
        student: str,
        paths: Sequence[str],
        timeout: float,  # noqa: ASYNC109 -- the result says so
    ) -> CheckResult:
        """Run a check on the files at ``paths`` of the container ``student``.

        Raises :class:`CheckerGone`, :class:`FilesChanged`, and the engine's errors.
        """
        folder = f"/.dexec-{secrets.token_hex(8)}"
        try:
            async with asyncio.timeout(_DELIVERY_WITHIN):
                await self._remove_pristine(paths)
                notes = await self._deliver(folder, script, facts, student, paths)
        except TooMuch as error:
            # It is the student's doing, and for the student to mend.
            return NotYet(message=error.message)
        except CopyError as error:
            raise FilesChanged(
                f"The task's files changed while they were copied. {error.message}"
            ) from error
        except TimeoutError:
            return Broken(reason=f"The files did not reach the check in {_DELIVERY_WITHIN:g} s.")
        begun, mark = time.time(), secrets.token_hex(16)
        speech = Speech(mark)
        try:
            async with asyncio.timeout(timeout):
                await self._streams.write(check_line(folder, mark).encode())
                await speech.listen(self._streams)
        except TimeoutError:
            return TimedOut(**speech.texts(notes), seconds=timeout)
        if fault := speech.fault:
            return Broken(**speech.texts(notes), reason=fault)
        exit_code = KILLED if speech.exit_code is None else speech.exit_code
        why = await why_ended(self._engine, self._container, exit_code, begun)
        return result_of(exit_code, **speech.texts(notes), why=why)

    async def aclose(self) -> None:
        """Remove the container. May be called twice."""
        self._streams.close()
        if not self._is_removed:
            self._is_removed = True
            with suppress(ContainerNotFound):
                await to_the_end(self._engine.container_remove(self._container, force=True))

    async def _remove_pristine(self, paths: Sequence[str]) -> None:
        """Remove the files in place of which the student's come."""
        mark = secrets.token_hex(16)
        heard = b""
        try:
            await self._streams.write(removal_line(paths, mark).encode())
            while mark.encode() not in heard:
                if not (frames := await self._streams.read()):
                    raise CheckerGone("The checker has ended.")
                heard += b"".join(f.data for f in frames if f.stream is Stream.STDOUT)
        except EngineError as error:
            raise CheckerGone(f"The checker has ended: {error.message}") from error

    async def _deliver(
        self,
        folder: str,
        script: CheckScript,
        facts: Facts,
        student: str,
        paths: Sequence[str],
    ) -> tuple[str, ...]:
        run = run_file(script, folder, facts.environment(folder))
        parcel = Parcel(
            folder=folder,
            folders=("", "home", MOUNTED, "history", "session", "session/exported"),
            programs={"check": script.data, "run": run.encode("utf-8", "surrogateescape")},
            files=facts.files(),
            student=student,
            paths=paths,
        )
        try:
            return await deliver(self._engine, self._container, parcel)
        except (ContainerNotFound, ContainerNotRunning) as error:
            await self._engine.container_inspect(student)  # Raises where it is the student's.
            raise CheckerGone("The checker has ended.") from error
