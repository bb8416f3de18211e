"""The driver's words in every order that a container may say them in."""

from __future__ import annotations

import pytest

from dexec_kernel.cells.driver import (
    Background,
    FolderLost,
    HandedOver,
    HasCell,
    Ready,
    Started,
    ToldEnd,
)
from dexec_kernel.cells.heard import Heard
from dexec_kernel.cells.stream import StreamEvent


@pytest.mark.parametrize(
    ("word", "tty", "happens"),
    [
        (Started(17, "/a"), False, StreamEvent.WAITS),
        (Started(17, "/a"), True, StreamEvent.ECHOES),
        (Ready(), True, StreamEvent.HAS_CELL),
        (HasCell("/b", ("f",)), False, StreamEvent.HAS_CELL),
        (FolderLost("/c"), False, None),
        (Background(3, 2), False, StreamEvent.LEFT),
        (Background(3, 0), False, None),
        (HandedOver(None), False, None),
        (ToldEnd(4), False, None),
    ],
)
def test_what_a_word_is_to_the_stream(word, tty, happens):
    assert Heard().take(word, tty=tty) is happens


def test_it_remembers_the_shell_and_where_the_cell_begins():
    heard = Heard()
    assert (heard.pid, heard.folder, heard.exit_code, heard.is_last) == (None, None, None, False)
    for word in (Started(17, "/a"), HasCell("/b", ("f",)), FolderLost("/c"), ToldEnd(4)):
        heard.take(word, tty=False)
    assert (heard.pid, heard.folder, heard.failed, heard.lost_folder) == (17, "/b", ("f",), "/c")
    assert (heard.exit_code, heard.is_last, heard.handover) == (4, True, None)


def test_background_processes_have_a_last_word_of_their_own():
    heard = Heard()
    for word in (HandedOver(None), Background(3, 2)):
        heard.take(word, tty=False)
    assert not heard.is_last
    heard.take(Background(3, 0), tty=False)
    assert heard.is_last
    assert heard.background == Background(3, 2)
