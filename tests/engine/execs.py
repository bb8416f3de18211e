"""Execs and cells in real containers, in few words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from devtools import containers
from devtools.processes import of_container
from dexec_kernel.backend.models import ExecConfig, ExecInspect, Stream
from dexec_kernel.cells.limits import CellLimits
from dexec_kernel.cells.outcome import Outcome, Snapshot
from dexec_kernel.cells.output.text import Piece
from dexec_kernel.cells.run import CellRun
from dexec_kernel.cells.source.cell import Cell as SourceCell
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.connection import HijackedConnection
from tests.waiting import GUARD, until_seen


async def collect(connection: HijackedConnection) -> tuple[bytes, bytes]:
    """Return stdout and stderr up to the end of the stream."""
    found = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}
    async for frame in connection:
        found[frame.stream] += frame.data
    return bytes(found[Stream.STDOUT]), bytes(found[Stream.STDERR])


async def execute(
    client: EngineClient, container: str, *cmd: str, **options: Any
) -> tuple[ExecInspect, str, str]:
    """Run a command to its end; return its inspect, stdout and stderr."""
    config = ExecConfig(cmd, **options)
    exec_id = await client.container_exec_create(container, config)
    async with await client.container_exec_attach(exec_id, tty=config.tty) as connection:
        out, err = await collect(connection)
    return await client.container_exec_wait(exec_id), out.decode(), err.decode()


async def echoed(client: EngineClient, container: str, data: bytes) -> bytes:
    """Send data through a ``cat`` in a container; return what comes back."""
    exec_id = await client.container_exec_create(container, ExecConfig(["cat"], attach_stdin=True))

    async def send() -> None:
        await connection.write(data)
        await connection.close_write()

    async with await client.container_exec_attach(exec_id) as connection:
        sending = asyncio.create_task(send())
        out, _ = await asyncio.wait_for(collect(connection), GUARD)
        await sending
    return out


#: In seconds, for each step of an interrupt: a cell that the first signal ends gets no second one.
PATIENT = 100_000.0


class Cell:
    """One cell in a container, with its output and its outcome."""

    def __init__(
        self,
        client: EngineClient,
        container: str,
        source: str,
        *,
        workspaces: Workspaces | None = None,
        grace: float = PATIENT,
    ) -> None:
        self._client = client
        self._container = container
        self._source = source
        self._grace = grace
        self.workspaces = workspaces or Workspaces()
        self.pieces: list[Piece] = []
        self.has_printed = asyncio.Event()
        self.run: CellRun

    def printed(self, pieces: list[Piece]) -> None:
        self.pieces += pieces
        self.has_printed.set()

    def changed(self) -> None:
        pass

    async def begin(self) -> asyncio.Task[Outcome]:
        """Begin to run the cell."""
        container = await self._client.container_inspect(self._container)
        self.workspace = self.workspaces.of(self._client, container)
        self.run = CellRun(
            self.workspace,
            SourceCell(body=self._source),
            CellLimits(interrupt_grace=self._grace),
            self,
        )
        return asyncio.create_task(asyncio.wait_for(self.run.run(), GUARD))

    async def outcome(self) -> Outcome:
        return await (await self.begin())

    async def started(self) -> asyncio.Task[Outcome]:
        """Start the cell and wait for its first output."""
        task = await self.begin()
        await self.until(lambda: self.pieces)
        return task

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until the output is as it should be."""
        async with asyncio.timeout(GUARD):
            while not holds():
                self.has_printed.clear()
                await self.has_printed.wait()

    async def known(self) -> Snapshot:
        """Wait until the PID is known."""
        async with asyncio.timeout(GUARD):
            while (found := self.run.snapshot()).pid is None:  # noqa: ASYNC110 -- no event tells
                await asyncio.sleep(0.005)
        return found

    def text(self, stream: str) -> str:
        return "".join(piece.text for piece in self.pieces if piece.stream == stream)

    @property
    def stdout(self) -> str:
        return self.text("stdout")

    @property
    def stderr(self) -> str:
        return self.text("stderr")


def processes(host: str, container: str) -> list[str]:
    """Return the command lines of a container's processes besides its own command."""
    listing = of_container(containers.inspect(host, container)["Id"])
    lines = [process.command for process in listing if not process.zombie]
    return sorted(line for line in lines if line != "sleep 2147483647")


async def gone(host: str, container: str) -> None:
    """Wait until nothing but its own command is left in a container."""

    left: list[str] = []

    async def is_empty() -> bool:
        left[:] = await asyncio.to_thread(processes, host, container)
        return not left

    try:
        await until_seen(is_empty)
    except AssertionError as error:
        raise AssertionError(f"there are still {left}") from error
