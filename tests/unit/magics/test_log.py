"""``%log``: which log it takes, and the file that it writes, whole or not at all."""

from __future__ import annotations

import pytest

from dexec_kernel.cells.source.cell import parse_cell
from dexec_kernel.errors import CopyError, PathNotFound, UsageError
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.magics.registry import run_calls
from tests.unit.magics.test_registry import make_context


@pytest.fixture
def run(snapshot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    context, published = make_context()
    for number in (1, 2, 3):
        log = tmp_path / f"log {number}"
        log.write_text(f"output of {number}")
        shown = None if number == 3 else str(log)
        context.past.begin(number, "seq").snapshot = snapshot(log=shown)

    async def run(source: str) -> str:
        published.clear()
        await run_calls([REGISTRY.read(line) for line in parse_cell(source).magics], context)
        [(kind, content)] = published
        return content["text"] if kind == "stream" else content["data"]["text/plain"]

    return run


async def test_the_last_log_or_that_of_a_cell(run, tmp_path):
    assert f"The whole output (11 B) is in {tmp_path}/log 2" in await run("%log")
    assert f"{tmp_path}/log 1" in await run("%log -n 1")
    with pytest.raises(UsageError, match=r"No cell \[3\] has a log"):
        await run("%log -n 3")


async def test_save_writes_a_private_file_beside_the_notebook(run, tmp_path):
    assert await run("%log save out.txt") == "Wrote out.txt (11 B)\n"
    assert (tmp_path / "out.txt").read_text() == "output of 2"
    assert (tmp_path / "out.txt").stat().st_mode & 0o777 == 0o600


async def test_save_replaces_nothing_unasked(run, tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("mine")
    with pytest.raises(CopyError, match="exists already") as raised:
        await run("%log save out.txt")
    assert "-f" in raised.value.advice
    assert target.read_text() == "mine"
    await run("%log -n 1 save out.txt -f")
    assert target.read_text() == "output of 1"
    await run("%log save -f -n 2 out.txt")
    assert target.read_text() == "output of 2"


@pytest.mark.parametrize("flag", ["", "-f "])
async def test_save_follows_no_link(run, tmp_path, flag):
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "out.txt").symlink_to("theirs")
    if flag:
        await run("%log save out.txt -f")
        assert not (tmp_path / "out.txt").is_symlink()
    else:
        with pytest.raises(CopyError, match="exists already"):
            await run("%log save out.txt")
    assert (tmp_path / "theirs").read_text() == "theirs"


@pytest.mark.parametrize(
    ("line", "words"),
    [("%log save gone/out", "There is no folder gone"), ("%log save .", "is a folder")],
)
async def test_a_place_that_cannot_be(run, tmp_path, line, words):
    before = sorted(tmp_path.iterdir())
    with pytest.raises((CopyError, PathNotFound), match=words):
        await run(line)
    assert sorted(tmp_path.iterdir()) == before


async def test_a_log_that_is_gone(run, tmp_path):
    (tmp_path / "log 2").unlink()
    for line in ("%log", "%log save out", "%log save out -f"):
        with pytest.raises(PathNotFound, match="is gone"):
            await run(line)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("line", ["%log save", "%log out.txt", "%log keep out.txt"])
async def test_what_is_not_understood(run, line):
    with pytest.raises(UsageError):
        await run(line)
