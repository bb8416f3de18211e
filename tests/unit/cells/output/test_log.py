"""The log of a long cell: written when it is wanted, bounded, and gone with the kernel."""

from __future__ import annotations

import asyncio
import stat
import threading

import pytest

from dexec_kernel.cells.output import log as log_module
from dexec_kernel.cells.output.log import MAX_MEMORY, CellLog
from dexec_kernel.cells.output.log_folder import LogFolder

MIB = 1024 * 1024
BLOCKS = [bytes([65 + n % 26]) * 300_000 + b"\n" for n in range(100)]


@pytest.fixture
def parent(tmp_path):
    return tmp_path / "logs"


@pytest.fixture
def folder(parent):
    folder = LogFolder(parent)
    yield folder
    folder.close()


async def write(log, blocks):
    for block in blocks:
        log.write(block)
        await log.drain()


async def test_a_log_that_is_wanted_late_has_it_all(folder):
    log = CellLog(folder, 1024 * MIB)
    await write(log, BLOCKS[:5])
    assert log.shown_path is None
    log.keep()
    await write(log, BLOCKS[5:])
    await log.close()
    assert log.shown_path.read_bytes() == b"".join(BLOCKS)
    assert log.cut == ""


async def test_nothing_is_made_for_a_short_cell(parent, folder):
    log = CellLog(folder, 1024 * MIB)
    log.write(b"short\n")
    await log.close()
    assert log.shown_path is None
    assert not parent.exists()


async def test_a_file_that_was_begun_and_is_not_wanted_is_removed(parent, folder):
    log = CellLog(folder, 1024 * MIB)
    await write(log, [b"x" * (MAX_MEMORY + 1)])
    [path] = parent.glob("*/*.log")
    assert log.shown_path is None
    await log.close()
    assert not path.exists()


async def test_only_the_user_may_read_it(folder):
    log = CellLog(folder, 1024 * MIB)
    log.keep()
    log.write(b"secret\n")
    await log.close()
    path = log.shown_path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


async def test_the_limit_cuts_it_and_the_file_says_so(folder):
    log = CellLog(folder, 1_000_000)
    log.keep()
    await write(log, BLOCKS)
    await log.close()
    whole, written = b"".join(BLOCKS), log.shown_path.read_bytes()
    assert written[:1_000_000] == whole[:1_000_000]
    assert written[1_000_000:] == b"\n[dexec: the log ends here, log_limit is 1,000,000 bytes]\n"
    assert log.cut == "log_limit is 1,000,000 bytes"


async def test_a_full_disk_cuts_it(folder, monkeypatch):
    log = CellLog(folder, 1024 * MIB)
    log.keep()
    log.write(b"before\n")
    answers = iter([False])
    monkeypatch.setattr(log_module, "_is_short", lambda _file: next(answers, True))
    await write(log, BLOCKS)
    await log.close()
    text = log.shown_path.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\n[dexec: the log ends here, the disk is nearly full]\n")
    assert 10 * MIB < len(text) < 20 * MIB
    assert log.cut == "the disk is nearly full"


async def test_a_write_that_fails_ends_the_log_and_not_the_cell(folder, monkeypatch):
    def fail(_file, *_data):
        raise OSError(28, "No space left on device")

    log = CellLog(folder, 1024 * MIB)
    log.keep()
    monkeypatch.setattr(log_module, "_write_all", fail)
    await write(log, BLOCKS)
    await log.close()
    assert log.cut == "the log cannot be written, No space left on device"


async def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    log = CellLog(LogFolder(tmp_path / "file" / "logs"), MIB)
    log.write(b"x")
    log.keep()
    log.write(b"x")
    await log.close()
    assert log.shown_path is None
    assert log.cut == "the log cannot be written, Not a directory"


@pytest.mark.parametrize("limit", [0, MIB])
async def test_no_limit_or_no_folder_no_log(parent, folder, limit):
    log = CellLog(None if limit else folder, limit)
    await write(log, BLOCKS)
    log.keep()
    await log.close()
    assert log.shown_path is None
    assert not parent.exists()


async def test_a_slow_disk_makes_the_reader_wait_and_not_the_event_loop(folder, monkeypatch):
    written = []
    may_write = threading.Semaphore(0)

    def slow(_file, *parts):
        may_write.acquire()
        written.append(sum(map(len, parts)))

    monkeypatch.setattr(log_module, "_write_all", slow)
    log = CellLog(folder, 1024 * MIB)
    log.keep()
    for _ in range(12):
        log.write(b"x" * MIB)
    draining = asyncio.create_task(log.drain())
    for _ in range(5):
        await asyncio.sleep(0)
        assert not draining.done()
    assert written == []
    may_write.release(4)
    await draining
    assert written == [MIB] * 4
    may_write.release(8)
    await log.close()
    assert sum(written) == 12 * MIB


async def test_cells_have_files_of_their_own(folder):
    paths = []
    for _ in range(2):
        log = CellLog(folder, MIB)
        log.keep()
        await log.close()
        paths.append(log.shown_path)
    assert [path.name for path in paths] == ["cell-0001.log", "cell-0002.log"]


async def test_all_logs_of_a_kernel_have_a_bound(parent, folder):
    for number in range(8):
        log = CellLog(folder, 1_000_000)
        log.keep()
        await write(log, BLOCKS[:5])
        await log.close()
        assert log.shown_path.exists(), number
        assert sum(path.stat().st_size for path in parent.glob("*/*.log")) < 4_001_000
