"""Front ends and the widgets that they show."""

from __future__ import annotations

import pytest

from dexec_kernel.jupyter.widgets import takes_lines


@pytest.mark.parametrize(
    ("metadata", "takes"),
    [
        ({"cellId": "a", "deletedCells": [], "recordTiming": False}, True),  # JupyterLab, Notebook
        ({"cellId": "a"}, False),  # a console of JupyterLab
        ({}, True),
        (None, True),
    ],
)
def test_a_console_of_jupyterlab_keeps_enter_for_itself(metadata, takes):
    assert takes_lines({"metadata": metadata}) is takes
