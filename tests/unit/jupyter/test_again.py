"""Which cell chooses a container and does nothing else; what is told of a failed one."""

from __future__ import annotations

from contextvars import copy_context
from types import SimpleNamespace

import pytest

from dexec_kernel.cells.source.cell import Cell, parse_cell
from dexec_kernel.jupyter.again import FailedCell, chooses_only, session_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("%container web", True), ("\n%container web  # this one\n", True)),
        *(("%container", False), ("%container --help", False), ("%container?", False)),
        *(("%container web\necho x", False), ("%container web\n%status", False)),
        *(("%containers", False), ("%status", False), ("", False), ("%container a b", False)),
        *(("%container web\n%%writefile x\n", False), ("echo %container web", False)),
    ],
)
def test_a_cell_that_only_chooses(text, expected):
    assert chooses_only(parse_cell(text)) is expected


@pytest.mark.parametrize(
    ("code", "beginning"), [("\n  a b\nc", "a b"), ("%env A=1\necho", "%env A=1"), ("", "")]
)
def test_what_a_failed_cell_begins_with(code, beginning):
    shown = FailedCell(Cell(), code, 7, "", copy_context()).announcement["data"]["text/plain"]
    assert shown == f"Cell [7] had no container. It runs here: {beginning}"


def test_the_session_of_a_request():
    parents = [{"header": {"session": "s"}}, {"header": {}}, {}]
    kernels = [SimpleNamespace(get_parent=lambda _channel, p=parent: p) for parent in parents]
    assert [session_of(kernel) for kernel in kernels] == ["s", "", ""]
