"""When a list of containers is offered under a cell that had none to run in."""

from __future__ import annotations

import pytest

from dexec_kernel.cells.outcome import Exited, Failed, Interrupted
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.errors import (
    ContainerNotFound,
    ContainerNotRunning,
    ContainerPaused,
    EngineUnavailable,
    NotChosenError,
)
from dexec_kernel.jupyter.chooser import wants_choice


@pytest.mark.parametrize(
    ("ending", "is_wanted"),
    [
        (Exited(0, ""), False),
        (Exited(1, ""), False),
        (Interrupted("", ""), False),
        (Failed(NotChosenError("which?", candidates=("a", "b"))), True),
        (Failed(ContainerNotFound("gone", status=404)), True),
        (Failed(ContainerNotRunning("stopped", status=409)), True),
        (Failed(ContainerPaused("paused", status=409)), False),
        (Failed(EngineUnavailable("no engine")), False),
    ],
)
def test_another_container_helps_where_there_was_none(ending, is_wanted):
    assert wants_choice(ending, CellOptions()) is is_wanted
    assert wants_choice(ending, CellOptions(container="web")) is False
