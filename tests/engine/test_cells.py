"""Cells in real containers: with bash, with busybox, and without any shell."""

from __future__ import annotations

import asyncio
import hashlib
import time

import pytest

from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.cells.outcome import Exited, State
from dexec_kernel.cells.workspace import Workspaces
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import parse_host
from dexec_kernel.shell.commands import Shell
from tests.engine.execs import Cell
from tests.gate import Gate

MIXED = """
i=0
while [ $i -lt 4000 ]; do
  i=$((i + 1))
  echo "out $i é🐳 ................................................................................"
  echo "err $i ................................................................................" >&2
done
"""


class CountingClient(EngineClient):
    """Notes the commands of the execs that it creates."""

    created: list[str]

    async def container_exec_create(self, container: str, config: ExecConfig) -> str:
        self.created.append(config.cmd[0])
        return await super().container_exec_create(container, config)


@pytest.fixture
async def counting(host):
    async with CountingClient(parse_host(host, source="the test")) as client:
        client.created = []
        yield client


@pytest.fixture(params=["busybox", "debian"])
def container(request) -> str:
    """One with ash, one with bash."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("name", "tried", "shell"),
    [
        ("debian", ["bash"], Shell.BASH),
        ("busybox", ["bash", "sh"], Shell.SH),
        ("noshell", ["bash", "sh", "echo"], Shell.NONE),
    ],
)
async def test_shell_is_found_out_once_per_container(counting, request, name, tried, shell):
    shared = request.getfixturevalue(name)
    workspaces = Workspaces()
    for _ in range(3):
        cell = Cell(counting, shared, "echo 'hi  there'", workspaces=workspaces)
        assert await cell.outcome() == Exited(0, "")
        assert (cell.stdout, cell.stderr) == ("hi  there\n", "")
    assert counting.created == [*tried, tried[-1], tried[-1]]
    assert cell.workspace.shell == shell


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("true", Exited(0, "")),
        ("exit 3", Exited(3, "")),
        ("exit 126", Exited(126, "not executable")),
        ("/etc/passwd", Exited(126, "not executable")),
        ("no-such-command", Exited(127, "command not found")),
        ("kill -TERM $$", Exited(143, "SIGTERM")),
        ("kill -KILL $$", Exited(137, "SIGKILL")),
        ("", Exited(0, "")),
    ],
)
async def test_outcome_is_the_exit_code(client, container, source, outcome):
    cell = Cell(client, container, source)
    assert await cell.outcome() == outcome
    snapshot = cell.run.snapshot()
    assert (snapshot.state, snapshot.exit_code) == (State.EXITED, outcome.exit_code)
    assert snapshot.pid is not None


async def test_snapshot_of_a_running_cell(client, host, container):
    gate = Gate(host, container)
    cell = Cell(client, container, f"echo here; cd /proc; {gate.wait}; exit 5")
    begin = time.monotonic()
    task = await cell.started()
    before = await cell.known()
    assert (before.state, before.exit_code, before.cwd) == (State.RUNNING, None, "/")
    await asyncio.to_thread(gate.open)
    await task
    after = cell.run.snapshot()
    assert (after.state, after.exit_code, after.pid) == (State.EXITED, 5, before.pid)
    assert after.output_bytes == len("here\n")
    assert before.duration < after.duration < time.monotonic() - begin


async def test_mixed_output_is_whole_and_in_order(client, container):
    cell = Cell(client, container, MIXED)
    assert await cell.outcome() == Exited(0, "")
    dots = "." * 80
    expected = {
        "stdout": "".join(f"out {i} é🐳 {dots}\n" for i in range(1, 4001)),
        "stderr": "".join(f"err {i} {dots}\n" for i in range(1, 4001)),
    }
    for stream, text in expected.items():
        shown = cell.text(stream)
        assert hashlib.sha256(shown.encode()).digest() == hashlib.sha256(text.encode()).digest()
    size = sum(len(text.encode()) for text in expected.values())
    assert cell.run.snapshot().output_bytes == size


async def test_streams_stay_in_order_where_there_is_time_between_them(client, host, container):
    gates = [Gate(host, container) for _ in range(2)]
    source = f"echo 1; {gates[0].wait}; echo 2 >&2; {gates[1].wait}; echo 3"
    cell = Cell(client, container, source)
    task = await cell.begin()
    for count, gate in enumerate(gates, 1):
        await cell.until(lambda: len(cell.pieces) == count)  # noqa: B023 -- called at once
        await asyncio.to_thread(gate.open)
    await task
    assert [(piece.stream, piece.text) for piece in cell.pieces] == [
        ("stdout", "1\n"),
        ("stderr", "2\n"),
        ("stdout", "3\n"),
    ]


async def test_arguments_of_the_driver_that_a_cell_prints_are_output(client, container):
    cell = Cell(client, container, "tr '\\0' ' ' </proc/$$/cmdline >&2; echo; echo end >&2")
    await cell.outcome()
    assert "eval" in cell.stderr
    assert cell.stderr.endswith("end\n")


async def test_cell_of_a_megabyte(client, container):
    text = "x" * 1_000_000
    cell = Cell(client, container, f"printf %s '{text}' | wc -c")
    assert await cell.outcome() == Exited(0, "")
    assert cell.stdout.strip() == "1000000"


async def test_cells_at_once_in_one_container(client, container):
    cells = [Cell(client, container, f"sleep 0.1; echo {n}; exit {n}") for n in range(6)]
    outcomes = await asyncio.gather(*(cell.outcome() for cell in cells))
    assert [outcome.exit_code for outcome in outcomes] == list(range(6))
    assert [cell.stdout for cell in cells] == [f"{n}\n" for n in range(6)]


async def test_read_only_container_as_another_user(client, run_container):
    name = run_container(readonly=True, user="student", working_dir="/home")
    cell = Cell(client, name, "id -u; pwd; cat <<EOF\nhere\nEOF")
    outcome = await cell.outcome()
    assert cell.stdout.splitlines()[:2] == ["1000", "/home"]
    assert isinstance(outcome, Exited)
    snapshot = cell.run.snapshot()
    assert (snapshot.user, snapshot.cwd) == ("student", "/home")
