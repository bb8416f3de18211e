"""Notifications of long cells: what is told, to which program, and programs that hang or fail."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from dexec_kernel.cells.outcome import Snapshot, State
from dexec_kernel.jupyter.notify import Notifier, command_of, text_of

ENDED = Snapshot(
    *(State.EXITED, "web", "id", "image", "exec", 7, 3, "", 0.0, 125.0, "root", "/secret", 9),
    note="a note",
)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "web: exit code 3 after 2 min 05 s"),
        ({"state": State.INTERRUPTED}, "web: interrupted after 2 min 05 s"),
        ({"exit_code": None, "state": State.LOST}, "web: lost after 2 min 05 s"),
        ({"container": "a\n\x1b[31m\udcffb"}, "a??[31m?b: exit code 3 after 2 min 05 s"),
    ],
)
def test_what_is_told(changes, text):
    assert text_of(replace(ENDED, **changes)) == text


def test_a_command_is_split_and_read_by_no_shell():
    text = text_of(ENDED)
    assert command_of("tell 'a b' $HOME;x", ENDED) == ["tell", "a b", "$HOME;x", text]
    with pytest.raises(ValueError, match="quotation"):
        command_of("tell 'a", ENDED)


def test_the_desktop_is_told_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_of(" ", ENDED) is None
    (tmp_path / "notify-send").touch(0o755)
    odd = replace(ENDED, container="<b>&")
    words = command_of("", odd)
    assert words[0] == f"{tmp_path}/notify-send"
    assert words[-3:] == ["--", "dexec", "&lt;b>&amp;: exit code 3 after 2 min 05 s"]


@pytest.mark.parametrize(("seconds", "told"), [(0.0, False), (125.1, False), (125.0, True)])
async def test_only_long_cells_are_told_of(seconds, told):
    notifier = Notifier(logging.getLogger("dexec-test"))
    notifier.cell_ended(ENDED, seconds=seconds, command="sleep 100000")
    assert bool(notifier._tasks) is told
    await notifier.aclose()
    assert not notifier._tasks


async def test_a_program_that_hangs_is_killed():
    notifier = Notifier(logging.getLogger("dexec-test"))
    notifier.cell_ended(ENDED, seconds=1, command="sleep 100000")
    [task] = notifier._tasks
    await task
    assert not notifier._tasks


@pytest.mark.parametrize("command", ["/nonexistent/program", "'open", "a\0b", "/"])
async def test_a_program_that_cannot_be_started_is_logged_and_no_more(command, caplog):
    notifier = Notifier(logging.getLogger("dexec-test"))
    notifier.cell_ended(ENDED, seconds=1, command=command)
    for task in tuple(notifier._tasks):
        await task
    assert len(caplog.records) == 1
