"""The connection to the engine and the engine's answers are faulty: the reply is the truth.

Whatever happens, the cell's outcome comes, ``Exited`` has the exec's own exit code of a cell that
ran to its end, lost output is named, nothing runs twice, and the next cell works.
"""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from devtools import containers, processes
from dexec_kernel.cells.outcome import Exited, Failed
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.errors import CellNotRun, EngineError, ExecLost
from tests import faults
from tests.engine.sessions import MISSING, Ran, Session, proxied
from tests.faulty_proxy import AnswerFault, FaultyProxy, Kind
from tests.fuzzing import IS_FUZZING
from tests.waiting import until_seen

#: The words of a cell's stream: the shell's own, what the cell prints, and the shell's last.
MOMENTS = {"greeting": b":start ", "cell": b":cell ", "output": b"middle", "hand-over": b":state "}
#: Lets each line of a cell be a frame of its own.
PAUSE = "sleep 0.05"
#: The requests that a cell needs.
KINDS = [Kind.PING, Kind.LOOK, Kind.CREATE, Kind.START, Kind.INSPECT]


async def next_cell_works(proxy: FaultyProxy, session: Session) -> None:
    proxy.heal()
    ran = await session.run(code=7)
    assert ran.outcome == Exited(7, "")
    await ran.check()


# --- answers --------------------------------------------------------------------------------------


#: All pairs take minutes: each fault meets one kind of request, but for DEXEC_FUZZ=1.
PAIRS = [
    (kind, name)
    for number, name in enumerate(faults.ANSWERS)
    for place, kind in enumerate(KINDS)
    if IS_FUZZING or place == number % len(KINDS)
]


@pytest.mark.parametrize(("kind", "name"), PAIRS)
async def test_answer(host, debian, kind, name):
    """Two of them: a call that was kept alive is repeated once by itself."""
    async with proxied(host, debian, tcp="reset" in name) as (proxy, session):
        if kind is not Kind.PING:
            assert (await session.run()).outcome == Exited(0, "")
        proxy.spoil(kind, faults.ANSWERS[name], times=2)
        ran = await session.run(code=3)
        await ran.check()
        assert proxy.hits
        await next_cell_works(proxy, session)


@pytest.mark.parametrize("name", ["reset after", "garbage", "page"])
async def test_a_terminal_whose_start_is_not_heard_of_leaves_no_shell(host, debian, name):
    """Other shells end with their connection; the engine keeps a terminal open."""

    async def has_none_left() -> bool:
        rows = await asyncio.to_thread(containers.top, host, debian)
        waiting = [row for row in rows if "waits for a cell" in row["CMD"] and row["TTY"] != "?"]
        return not waiting

    async with proxied(host, debian, tcp="reset" in name, tidies=True) as (proxy, session):
        proxy.spoil(Kind.START, faults.ANSWERS[name])
        ran = await session.run(options=CellOptions(tty=True))
        assert isinstance(ran.outcome, Failed)
        assert session.leftovers.count
        await until_seen(lambda: asyncio.sleep(0, not session.leftovers.count))
        assert await has_none_left()


@pytest.mark.parametrize("kind", [Kind.LOOK, Kind.CREATE, Kind.START, Kind.INSPECT])
async def test_answer_that_comes_byte_by_byte_is_an_answer(host, debian, kind):
    async with proxied(host, debian) as (proxy, session):
        if kind is not Kind.START:
            proxy.spoil(kind, faults.slow, times=50)
        proxy.slowly = True
        for code in (3, 0):
            ran = await session.run(code=code)
            assert ran.outcome == Exited(code, "")
            await ran.check()


async def test_answers_that_never_come(host, debian):
    """All at once, as each takes as long as the client's patience."""

    async def one(kind: Kind, fault: AnswerFault) -> tuple[Ran, str]:
        async with proxied(host, debian) as (proxy, session):
            proxy.spoil(kind, fault, times=1000)
            ran = await session.run(code=3)
            await ran.check()
            assert proxy.hits
            await next_cell_works(proxy, session)
            return ran, f"{kind} {fault}"

    found = await asyncio.gather(
        *(one(kind, fault) for kind in KINDS for fault in faults.STALLS.values())
    )
    for ran, what in found:
        assert isinstance(ran.outcome, Failed), what


# --- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", faults.CUTS)
@pytest.mark.parametrize("moment", MOMENTS)
async def test_stream_that_is_cut(host, debian, moment, name):
    async with proxied(host, debian, tcp=name == "reset") as (proxy, session):
        proxy.spoil_stream(faults.CUTS[name], at=MOMENTS[moment])
        ran = await session.run(code=3, pause=PAUSE)
        assert proxy.hits
        await ran.check()
        if isinstance(ran.outcome, Failed):
            # A shell that was not heard may have run the cell all the same.
            assert isinstance(ran.error, ExecLost | CellNotRun)
            if isinstance(ran.error, ExecLost):
                assert MISSING in ran.error.message
                assert "may still be running" in ran.error.message
        await next_cell_works(proxy, session)


@pytest.mark.parametrize("name", faults.CUTS)
@pytest.mark.parametrize("moment", ["cell", "output"] if IS_FUZZING else ["output"])
async def test_stream_of_a_command_that_is_cut(host, debian, moment, name):
    """A command of its own hands nothing over, so that nothing but inspect tells of its end."""
    async with proxied(host, debian, tcp=name == "reset") as (proxy, session):
        proxy.spoil_stream(faults.CUTS[name], at=MOMENTS[moment])
        # What ends within a moment of the cut cannot be told from what has ended before it.
        ran = await session.run(code=3, pause="sleep 1", options=CellOptions(command=("sh",)))
        assert proxy.hits
        await ran.check()
        await next_cell_works(proxy, session)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_frame_that_comes_twice(host, debian, moment):
    async with proxied(host, debian) as (proxy, session):
        proxy.spoil_stream(faults.repeated, at=MOMENTS[moment])
        ran = await session.run(code=3, pause=PAUSE)
        assert proxy.hits
        assert ran.outcome == Exited(3, "")
        assert (await session.counts(ran)) == (1, 1)
        await next_cell_works(proxy, session)


@pytest.mark.parametrize("name", faults.CUTS)
async def test_standby_whose_stream_breaks_while_it_waits(host, debian, name):
    async with proxied(host, debian, tcp=name == "reset", standbys=1) as (proxy, session):
        assert (await session.run()).outcome == Exited(0, "")
        await session.wait_for_standby()
        assert proxy.spoil_now(faults.CUTS[name])
        for code in (3, 0):
            ran = await session.run(code=code)
            await ran.check()
            assert ran.outcome == Exited(code, "")


@pytest.mark.parametrize("name", faults.CUTS)
@pytest.mark.parametrize("moment", ["cell", "output", "hand-over"] if IS_FUZZING else ["cell"])
async def test_standby_whose_stream_breaks_with_its_cell(host, debian, moment, name):
    async with proxied(host, debian, tcp=name == "reset", standbys=1) as (proxy, session):
        assert (await session.run()).outcome == Exited(0, "")
        await session.wait_for_standby()
        proxy.spoil_stream(faults.CUTS[name], at=MOMENTS[moment])
        ran = await session.run(code=3, pause=PAUSE)
        assert proxy.hits
        await ran.check()
        await next_cell_works(proxy, session)


@pytest.mark.parametrize("name", [name for name in faults.ANSWERS if "length" in name])
@pytest.mark.parametrize("kind", [Kind.CREATE, Kind.START])
async def test_standby_that_cannot_be_started(host, debian, kind, name):
    async with proxied(host, debian, standbys=1) as (proxy, session):
        assert (await session.run()).outcome == Exited(0, "")
        proxy.spoil(kind, faults.ANSWERS[name], times=2)
        session.workspaces.of(
            session.client, await session.client.container_inspect(debian)
        ).prepare()
        ran = await session.run(code=3)
        await ran.check()
        await next_cell_works(proxy, session)


async def test_streams_that_fall_silent(host, debian):
    """All at once, as each takes as long as the kernel's patience with silence."""

    async def one(moment: str, options: CellOptions | None) -> None:
        async with proxied(host, debian) as (proxy, session):
            proxy.spoil_stream(faults.stalls, at=MOMENTS[moment])
            ran = await session.run(code=3, pause=PAUSE, options=options)
            assert proxy.hits
            await ran.check()
            await next_cell_works(proxy, session)

    command = CellOptions(command=("sh",))
    moments = [(moment, None) for moment in MOMENTS]
    await asyncio.gather(*(one(*each) for each in [*moments, ("output", command)]))


async def test_lost_cell_is_asked_after_again(host, debian):
    async with proxied(host, debian) as (proxy, session):
        proxy.spoil_stream(faults.cut_after, at=b"middle")
        # It runs until it was asked after, however long that takes.
        wait = '[ -z "$second" ] || until [ -e /tmp/asked ]; do sleep 0.1; done; second=1'
        lost = await session.run(code=3, pause=wait)
        assert isinstance(lost.error, ExecLost)
        await asyncio.to_thread(containers.run, host, debian, ["touch", "/tmp/asked"])

        async def has_ended() -> bool:
            return (await session.counts(lost))[1] == 1

        async def is_told() -> bool:
            notes = (await session.run()).notes
            assert "lost cell" in notes
            return "has ended since, exit code 3" in notes

        await until_seen(has_ended)
        # The engine knows it a moment after the cell's last command.
        await until_seen(is_told)
        assert "lost cell" not in (await session.run()).notes


@pytest.mark.parametrize("tidies", [True, False])
async def test_guardian_whose_connection_breaks(host, debian, tidies):
    """It takes the end of its stdin for the kernel's, and ends the cell unless it is ended."""
    async with proxied(host, debian, tidies=tidies) as (proxy, session):
        container = (await session.client.container_inspect(debian)).id

        def guardians() -> set[int]:
            inside = processes.of_container(container)
            return {process.pid for process in inside if "dexec-guardian" in process.command}

        go = f"/tmp/go-{tidies}"
        body = f": >{go}; while [ -e {go} ]; do sleep 0.05; done; exit 3"
        run = asyncio.create_task(session.run(body=body))
        await until_seen(session.is_guarded)
        before = guardians()
        if tidies:  # Its two seconds are not to end on a busy machine.
            for pid in before:
                os.kill(pid, signal.SIGSTOP)
        proxy.spoil_now(faults.CUTS["closed on both sides"], latest=True)

        async def is_gone() -> bool:
            return not before & guardians()

        if tidies:
            await until_seen(is_gone)
            await asyncio.to_thread(containers.run, host, debian, ["rm", go])
            assert (await run).outcome == Exited(3, "")
        else:
            reason = "the connection of its guardian broke, which may have ended it"
            assert (await run).outcome == Exited(143, f"SIGTERM, {reason}")


async def read_archive(session: Session, container: str) -> bytes:
    async with await session.client.copy_from_container(container, "/etc/passwd") as archive:
        return b"".join([piece async for piece in archive])


@pytest.mark.parametrize(
    "name", ["cut in the body", "reset in the body", "page", "chunk that is cut"]
)
async def test_archive(host, debian, name):
    """A file that is read through a fault is an error, and no shorter file."""
    async with proxied(host, debian, tcp="reset" in name) as (proxy, session):
        proxy.spoil(Kind.ARCHIVE, faults.ANSWERS[name])
        with pytest.raises(EngineError) as raised:
            await read_archive(session, debian)
        assert raised.value.advice
        assert await read_archive(session, debian)


@pytest.mark.parametrize("name", ["unanswered", "page", "garbage", "cut in the head", "huge head"])
async def test_events(host, debian, name):
    async with proxied(host, debian) as (proxy, session):
        proxy.spoil(Kind.EVENTS, faults.ANSWERS[name])
        with pytest.raises(EngineError):
            (await session.client.events()).close()
        (await session.client.events()).close()
