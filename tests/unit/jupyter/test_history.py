"""The history's own database: lines, sessions, questions, and faults."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

import pytest

from dexec_kernel.jupyter.history import MEMORY, History, HistoryRequest

LOG = logging.getLogger("test-history")


@pytest.fixture
async def opened(tmp_path):
    """Open histories of one file, and close them."""
    made = []

    def make(file=str(tmp_path / "new" / "h.sqlite")):
        made.append(History(lambda: file, LOG))
        return made[-1]

    yield make
    for history in made:
        await history.aclose()


async def lines(history, kind="tail", **request):
    return await history.find(HistoryRequest(kind, **request))


async def test_lines_have_the_numbers_of_their_cells(opened):
    history = opened()
    for number, source in ((1, "a"), (2, "exit"), (4, "b\nc\n"), (5, "  \n")):
        history.store(number, source)
    assert await lines(history) == [(1, 1, "a"), (1, 2, "exit"), (1, 4, "b\nc")]
    assert await lines(history, n=1) == [(1, 4, "b\nc")]
    assert await lines(history, output=True, n=1) == [(1, 4, ("b\nc", None))]
    assert await lines(history, "range", session=0, start=2) == [(1, 2, "exit"), (1, 4, "b\nc")]
    assert await lines(history, "range", session=0, start=2, stop=4) == [(1, 2, "exit")]
    assert await lines(history, "unheard-of") == []


async def test_sessions(opened):
    first = opened()
    first.store(1, "ls one")
    first.store(2, "ls two")
    assert len(await lines(first)) == 2
    second = opened()
    second.store(1, "ls one")
    assert await lines(second, "range", session=-1, start=1) == [(1, 1, "ls one"), (1, 2, "ls two")]
    assert await lines(second, "search", pattern="*one") == [(1, 1, "ls one"), (2, 1, "ls one")]
    assert await lines(second, "search", pattern="*one", unique=True) == [(2, 1, "ls one")]
    assert await lines(second, "search", pattern="ls*", n=1) == [(2, 1, "ls one")]
    assert await lines(second, "search", pattern="nothing*") == []
    assert len(await lines(second, "search")) == 3


async def test_storing_waits_for_the_reply_and_closing_writes(tmp_path):
    file = tmp_path / "h.sqlite"
    history = History(lambda: str(file), LOG)
    history.store(1, "echo hi")
    assert not file.exists()
    await history.aclose()
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT line, source_raw FROM history").fetchall() == [
            (1, "echo hi")
        ]
        assert database.execute("SELECT num_cmds FROM sessions").fetchall() == [(1,)]
    database.close()
    assert file.stat().st_mode & 0o077 == 0


async def test_it_is_written_after_a_while(tmp_path):
    file = tmp_path / "h.sqlite"
    history = History(lambda: str(file), LOG)
    history.store(1, "echo hi")
    await asyncio.sleep(60)
    assert b"echo hi" in file.read_bytes()
    await history.aclose()


async def test_nothing_is_opened_when_nothing_is_asked(tmp_path):
    history = History(lambda: str(tmp_path / "h.sqlite"), LOG)
    await history.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_cannot_be_made(opened, tmp_path, caplog):
    (tmp_path / "file").touch()
    history = opened(str(tmp_path / "file" / "h.sqlite"))
    history.store(1, "a")
    assert await lines(history) == [(1, 1, "a")]
    assert "cannot be opened" in caplog.text


async def test_a_failing_database_is_logged_once(opened, caplog, monkeypatch):
    history = opened(MEMORY)
    history.store(1, "a")
    assert await lines(history) == [(1, 1, "a")]

    def fail(*_values, **_named):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(history._manager, "writeout_cache", fail)
    history.store(2, "b")
    history._flush()
    assert await lines(history, "search") == []
    assert caplog.text.count("does not work: disk I/O error") == 1
    monkeypatch.undo()


async def test_memory_keeps_no_line_that_the_database_has(opened):
    history = opened()
    for number in range(1, 4):
        history.store(number, f"echo {number}")
        assert len(await lines(history)) == number
    manager = history._manager
    assert manager.input_hist_raw == manager.input_hist_parsed == [""]
