"""Owners of labs that are killed while they make something: a program for tests.

``python -m tests.engine.dying_owners HOST FOLDER STUDENT`` makes a lab's containers, and checkers
for the container ``STUDENT``, in a process for each of ``DEATHS``, which is killed behind one call
of the engine.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools import images
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import parse_host
from dexec_kernel.lab.checks.facts import Facts
from dexec_kernel.lab.checks.runner import CheckRunner
from dexec_kernel.lab.owner import LabOwner
from dexec_kernel.lab.spec import Container, Lab, Task, Where

_ONE = Container("one", images.BUSYBOX, volumes=("data:/data",))
_LAB = Lab("One", (_ONE,))
#: The second has the loopback of the first.
TWO = Lab("Two", (_ONE, Container("two", images.BUSYBOX, volumes=("more:/more",))))


@dataclass(frozen=True)
class Death:
    """The end of a process behind the ``number``-th call of a verb."""

    verb: str
    number: int = 1
    lab: Lab = _LAB
    #: The check that is run, of none the lab's containers are made.
    where: Where | None = None


DEATHS = (
    Death("container_create", lab=Lab("Kept", (_ONE,), keep=True)),
    Death("container_start", number=2, lab=TWO),
    Death("container_create", where=Where.FRESH),
    Death("container_attach", where=Where.FRESH),
    Death("container_create", where=Where.BESIDE),
    Death("container_start", where=Where.BESIDE),
)
OWNERS = tuple(f"owner-{number}" for number in range(len(DEATHS)))


class _Deadly:
    """An engine that kills the process which asks for one thing."""

    def __init__(self, engine: EngineClient, death: Death) -> None:
        self._engine, self._death = engine, death
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        verb: Callable[..., Any] = getattr(self._engine, name)
        if name != self._death.verb:
            return verb

        async def call(*args: Any, **options: Any) -> Any:
            answer = await verb(*args, **options)
            self._count += 1
            if self._count == self._death.number:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


async def _die(host: str, folder: Path, student: str, owner: str, death: Death) -> None:
    async with EngineClient(parse_host(host, source="the test")) as client:
        engine: Any = _Deadly(client, death)

        async def connect() -> Any:
            return engine

        if death.where is None:
            await LabOwner(engine, death.lab, folder, owner).ready()
        else:
            task = Task("t", where=death.where)
            await CheckRunner(connect, death.lab, folder, owner).run(task, student, Facts())


def main() -> None:
    host, folder, student = sys.argv[1:]
    ended = []
    for owner, death in zip(OWNERS, DEATHS, strict=True):
        if not (pid := os.fork()):
            try:
                asyncio.run(_die(host, Path(folder), student, owner, death))
            finally:
                os._exit(1)
        ended.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in ended] == [signal.SIGKILL] * len(DEATHS)


if __name__ == "__main__":
    main()
