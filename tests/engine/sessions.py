"""A session of cells through a faulty proxy, and what the container itself says of each cell."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from devtools import containers
from dexec_kernel.cells.limits import CellLimits
from dexec_kernel.cells.outcome import Exited, Failed, Outcome
from dexec_kernel.cells.output.text import Piece
from dexec_kernel.cells.run import CellRun
from dexec_kernel.cells.signals.leftovers import Leftovers
from dexec_kernel.cells.source.cell import Cell as SourceCell
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.cells.standby.pool import Standbys
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import parse_host
from dexec_kernel.errors import DexecError
from tests.faulty_proxy import FaultyProxy
from tests.waiting import GUARD, until_seen

_numbers = itertools.count(1)
#: What says that output may be missing, or that nothing can have been printed.
MISSING = "Output may be missing"


class Ran:
    """One cell: its outcome, its output, and its file in the container."""

    def __init__(self, session: Session, number: int, code: int) -> None:
        self._session = session
        self.begun = f"begun-{number}"
        self.ended = f"ended-{number}"
        self.code = code
        self.number = number
        self.pieces: list[Piece] = []
        self.outcome: Outcome
        self.notes = ""

    def printed(self, pieces: list[Piece]) -> None:
        self.pieces += pieces

    def changed(self) -> None:
        pass

    @property
    def stdout(self) -> str:
        return "".join(piece.text for piece in self.pieces if piece.stream == "stdout")

    @property
    def error(self) -> DexecError:
        assert isinstance(self.outcome, Failed), self.outcome
        return self.outcome.error

    async def check(self) -> None:
        """Hold what is true of each cell, whatever has happened."""
        begun, ended = await self._session.counts(self)
        assert begun <= 1, f"run {begun} times"
        match self.outcome:
            case Exited(exit_code=code, reason=reason):
                is_said = "may be missing" in self.notes
                # The engine's word for a process whose connection broke.
                if code == 126 and is_said:
                    return
                # A guardian that lost its connection had not been replaced within two seconds.
                if code in {137, 143} and "guardian" in reason:
                    return
                assert code == self.code, (self.outcome, self.notes, self.pieces)
                assert (begun, ended) == (1, 1)
                assert is_said or self.stdout == "first\nmiddle\nlast\n"
            case Failed(error=error):
                assert error.message
                assert error.advice, error
                assert error.message.isprintable(), error.message
                assert len(str(error)) < 6_000
                assert error.name not in {"InternalError", "EngineError", "DexecError"}
            case other:
                raise AssertionError(other)


class Session:
    """Cells one after the other, in one container, as one kernel runs them.

    What cells leave is ended where ``tidies``.
    """

    def __init__(
        self,
        host: str,
        container: str,
        client: EngineClient,
        *,
        standbys: int = 0,
        tidies: bool = False,
    ) -> None:
        self._host, self._container, self.client = host, container, client
        self.standbys = Standbys(lambda: standbys, lambda: False, lambda: 0.0)
        self.leftovers = Leftovers(self._connect if tidies else None)
        self.workspaces = Workspaces(standbys=self.standbys, leftovers=self.leftovers)
        self._file = f"/tmp/cells-{next(_numbers)}"

    def source(self, ran: Ran, pause: str = "") -> str:
        return (
            f"echo {ran.begun} >>{self._file}; echo first; {pause}\n"
            f"echo middle; {pause}\necho last; echo {ran.ended} >>{self._file}; exit {ran.code}"
        )

    async def counts(self, ran: Ran) -> tuple[int, int]:
        """Return how often a cell has begun and ended, once nothing of it runs."""
        script = f"grep -cx {ran.begun} {self._file}; grep -cx {ran.ended} {self._file}"
        found = await asyncio.to_thread(
            containers.run, self._host, self._container, ["sh", "-c", script]
        )
        numbers = [int(line) for line in found.stdout.split() if line.isdigit()]
        return (numbers[0], numbers[1]) if len(numbers) > 1 else (0, 0)

    async def run(
        self, *, code: int = 0, options: CellOptions | None = None, pause: str = "", body: str = ""
    ) -> Ran:
        """Run a cell to its end, as a kernel does: first it looks for the container."""
        ran = Ran(self, next(_numbers), code)
        try:
            container = await asyncio.wait_for(
                self.client.container_inspect(self._container), GUARD
            )
        except DexecError as error:
            ran.outcome = Failed(error)
            return ran
        workspace = self.workspaces.of(self.client, container)
        source = body or self.source(ran, pause)
        if options is not None and options.command:
            source, words = "", ("sh", "-c", source)
            options = CellOptions(command=words)
        cell = SourceCell(body=source, options=options or CellOptions())
        run = CellRun(workspace, cell, CellLimits(), ran)
        ran.outcome = await asyncio.wait_for(run.run(), GUARD)
        ran.notes = run.snapshot().note
        return ran

    async def prepare(self) -> None:
        """Begin to start a standby, as a kernel does between two cells."""
        try:
            container = await self.client.container_inspect(self._container)
        except DexecError:
            return  # The next cell says it.
        self.workspaces.of(self.client, container).prepare()

    async def wait_for_standby(self) -> None:
        """Start a standby, and wait until it waits."""
        await self.prepare()

        async def is_there() -> bool:
            return any(slot.standby is not None for slot in self.standbys._slots)

        await until_seen(is_there)

    async def is_guarded(self) -> bool:
        """Return whether a guardian knows of a cell, as it answers about it."""
        guardians = self.workspaces.guardians
        cells = [
            (place.container_id, leader)
            for place, guardian in guardians._guardians.items()
            for leader in guardian._leaders
        ]
        return any([await guardians.look(*cell) is not None for cell in cells])

    async def _connect(self) -> EngineClient:
        return self.client

    async def aclose(self) -> None:
        await self.standbys.aclose()
        await self.leftovers.aclose()


@asynccontextmanager
async def proxied(
    host: str, container: str, *, tcp: bool = False, standbys: int = 0, tidies: bool = False
) -> AsyncIterator[tuple[FaultyProxy, Session]]:
    """Open a session behind a proxy of its own."""
    with tempfile.TemporaryDirectory(prefix="dexec-") as folder:
        target = host.removeprefix("unix://")
        async with FaultyProxy(target, Path(folder), output_end=b"last\n") as proxy:
            url = proxy.tcp if tcp else proxy.host
            async with EngineClient(parse_host(url, source="the test")) as client:
                session = Session(host, container, client, standbys=standbys, tidies=tidies)
                try:
                    yield proxy, session
                finally:
                    await session.aclose()
