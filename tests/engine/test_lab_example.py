"""The example of a lab: its checks fail in a fresh container, and pass after the solutions."""

from __future__ import annotations

from pathlib import Path

from devtools import containers, images
from dexec_kernel import lab

EXAMPLE = Path(lab.__file__).parent / "example"
TASKS = ("greeting", "count", "secret")


def script(host: str, container: str, path: str) -> int:
    text = (EXAMPLE / path).read_text(encoding="utf-8")
    return containers.run(host, container, ["sh", "-c", text]).exit_code


def test_every_check_fails_at_first_and_passes_after_its_solution(host, run_container):
    container = run_container(images.DEBIAN)
    assert script(host, container, "setup.sh") == 0
    for task in TASKS:
        assert script(host, container, f"checks/{task}.sh") == 1
    for task in TASKS:
        assert script(host, container, f"solutions/{task}.sh") == 0
    for task in TASKS:
        assert script(host, container, f"checks/{task}.sh") == 0
