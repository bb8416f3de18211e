"""The imports of a kernel before it is ready: little more than ipykernel."""

from __future__ import annotations

import subprocess
import sys

#: Modules that only cells need, other people's and ours, and those that take longest to import.
LATER = {
    *("requests", "urllib3", "charset_normalizer", "h11", "websocket", "ipywidgets"),
    *("debugpy", "tarfile", "dexec_kernel.jupyter.service", "dexec_kernel.magics"),
    *("dexec_kernel.engine.client", "dexec_kernel.backend.models", "dexec_kernel.cells.run"),
}


def imported(code: str) -> set[str]:
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, check=True, text=True).stdout.split())


def test_modules_for_cells_are_imported_after_the_first_answer():
    assert imported("import dexec_kernel.jupyter.app") & LATER == set()


def test_what_most_cells_never_need_is_not_imported_for_them():
    found = imported("import dexec_kernel.jupyter.service")
    assert found & LATER >= {"dexec_kernel.cells.run", "h11"}
    assert found & {"ipywidgets", "debugpy", "dexec_kernel.policy.parse"} == set()
    assert found & {"requests", "urllib3", "charset_normalizer", "websocket"} == set()
