"""Runs the checks of one lab: in a container of their own, beside the student's, or inside it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from dexec_kernel.backend.lifecycle import LabEngine
from dexec_kernel.errors import DexecError
from dexec_kernel.lab.checks.checker import Checker, CheckerGone, FilesChanged
from dexec_kernel.lab.checks.config import checker_config, copied
from dexec_kernel.lab.checks.facts import Facts
from dexec_kernel.lab.checks.inside import check_inside, refusal
from dexec_kernel.lab.checks.script import CheckScript
from dexec_kernel.lab.checks.scripts import LabTexts
from dexec_kernel.lab.checks.waiting import WaitingChecker
from dexec_kernel.lab.parent import labels_of_maker
from dexec_kernel.lab.result import Broken, CheckResult, TimedOut
from dexec_kernel.lab.setup import run_setup
from dexec_kernel.lab.spec import Lab, Task, Where

Connect = Callable[[], Awaitable[LabEngine]]

#: In seconds.
_QUIET = 2.0
#: How often files that change meanwhile are copied.
_MOST_COPIES = 3
_NOTHING = Facts()
_log = logging.getLogger(__name__)


class CheckRunner:
    """Runs checks, and owns the containers that they run in. Everything is on one event loop.

    ``connect`` returns the engine, ``folder`` is the lab's, and ``owner`` the one of its
    containers. ``labels`` are added to those of a checker, which names this process: no other one
    takes it over. Close it with :meth:`aclose`.
    """

    def __init__(
        self,
        connect: Connect,
        lab: Lab,
        folder: Path,
        owner: str,
        *,
        labels: Mapping[str, str] | None = None,
        log: logging.Logger = _log,
    ) -> None:
        self._connect = connect
        self._lab, self._folder, self._owner = lab, folder, owner
        self._labels = {**labels_of_maker(), **(labels or {})}
        self._log = log
        self.texts = LabTexts(folder)
        self._waiting = WaitingChecker(self._start_fresh, log)
        self._soon: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[CheckResult]] = set()

    def prepare(self) -> None:
        """Start a checker ahead, in the background, unless one waits already."""
        if any(task.where is Where.FRESH for task in self._lab.tasks):
            self._waiting.prepare()

    def prepare_soon(self) -> None:
        """Start a checker ahead when nobody has asked for that for a moment.

        An engine starts one process of a container after the other, and a cell goes first.
        """
        if self._soon is not None:
            self._soon.cancel()
        self._soon = asyncio.get_running_loop().call_later(_QUIET, self.prepare)

    async def run(self, task: Task, student: str, facts: Facts = _NOTHING) -> CheckResult:
        """Run the check of a task on the container ``student``, the lab's first.

        It returns a result whatever happens: what keeps the check from running makes it
        :class:`Broken`. When cancelled, the check is ended.
        """
        loop = asyncio.get_running_loop()
        begin = loop.time()
        result: CheckResult
        try:
            script = self.texts.check(task.name)
            running = asyncio.ensure_future(self._run(task, script, student, facts))
            self._running.add(running)
            running.add_done_callback(self._running.discard)
            result = await running
        except DexecError as error:
            result = Broken(reason=error.message, stderr=getattr(error, "output", ""))
        result = replace(result, duration=loop.time() - begin)
        self._tell_teacher(task, result)
        return result

    async def aclose(self) -> None:
        """End the checks that run, and remove all checkers. May be called twice."""
        if self._soon is not None:
            self._soon.cancel()
        for running in (ending := list(self._running)):
            running.cancel()
        if ending:
            await asyncio.wait(ending)
        await self._waiting.aclose()

    async def _run(
        self, task: Task, script: CheckScript, student: str, facts: Facts
    ) -> CheckResult:
        match task.where:
            case Where.INSIDE:
                engine = await self._connect()
                if reason := await refusal(engine, self._lab, student):
                    return Broken(reason=reason)
                return await check_inside(
                    engine, script, facts, student=student, timeout=task.timeout
                )
            case Where.BESIDE:
                checker = await self._start(f"container:{student}", sets_up=False)
                try:
                    return await checker.run(
                        script, facts, student=student, paths=(), timeout=task.timeout
                    )
                finally:
                    self._waiting.dispose(checker)
            case Where.FRESH:
                return await self._run_fresh(task, script, student, facts)

    async def _run_fresh(
        self, task: Task, script: CheckScript, student: str, facts: Facts
    ) -> CheckResult:
        paths = copied(task.files, self._lab.containers[0])
        copies = 0
        while True:
            checker, is_new = await self._waiting.take()
            try:
                return await checker.run(
                    script, facts, student=student, paths=paths, timeout=task.timeout
                )
            except CheckerGone:
                # One that waited may have been removed by somebody; a new one says more.
                if is_new:
                    raise
            except FilesChanged:
                # A log that grows is whole the next time.
                copies += 1
                if copies == _MOST_COPIES:
                    raise
            finally:
                self._waiting.dispose(checker)

    async def _start_fresh(self) -> Checker:
        return await self._start("none", sets_up=True)

    async def _start(self, network: str, *, sets_up: bool) -> Checker:
        engine = await self._connect()
        config = checker_config(
            self._lab, self._folder, self._owner, labels=self._labels, network=network
        )

        async def set_up(container: str) -> None:
            if sets_up:
                await run_setup(engine, container, self._folder)

        name = f"{self._folder.name}-check-{secrets.token_hex(4)}"
        return await Checker.start(engine, config, name=name, set_up=set_up)

    def _tell_teacher(self, task: Task, result: CheckResult) -> None:
        """Write the teacher's part to the log, which is the server's."""
        level = logging.INFO
        words = ""
        if isinstance(result, Broken | TimedOut):
            level = logging.WARNING
            words = result.reason if isinstance(result, Broken) else "It took too long."
        if words or result.stderr:
            self._log.log(level, "The check %s: %s\n%s", task.name, words, result.stderr)
