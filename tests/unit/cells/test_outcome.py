from __future__ import annotations

import pytest

from dexec_kernel.cells.outcome import Detached, Failed, State, describe_exit, exit_reason, state_of
from dexec_kernel.errors import ContainerPaused, ExecLost, FolderGone


@pytest.mark.parametrize(
    ("code", "cause", "text"),
    [
        (0, "", "exit code 0"),
        (3, "", "exit code 3"),
        (126, "", "exit code 126 (not executable)"),
        (127, "", "exit code 127 (command not found)"),
        (128, "", "exit code 128"),
        (130, "", "exit code 130 (SIGINT)"),
        (137, "", "exit code 137 (SIGKILL)"),
        (137, "out of memory", "exit code 137 (SIGKILL, out of memory)"),
        (143, "", "exit code 143 (SIGTERM)"),
        (255, "", "exit code 255"),
        (1, "out of memory", "exit code 1 (out of memory)"),
    ],
)
def test_exit_codes_in_words(code, cause, text):
    assert describe_exit(code, exit_reason(code, cause=cause)) == text


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (FolderGone("gone"), State.NOT_STARTED),
        (ContainerPaused("paused", status=409), State.NOT_STARTED),
        (ExecLost("cut off"), State.LOST),
    ],
)
def test_an_exec_that_ran_nothing_of_the_cell_is_not_lost(error, state):
    assert state_of(Failed(error), is_begun=True) is state


def test_a_detached_cell_has_a_state_of_its_own():
    assert state_of(Detached(), is_begun=True) is State.DETACHED
