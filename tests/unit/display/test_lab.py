"""``%lab``: tasks, containers with limits and use, the time that is left."""

from __future__ import annotations

from dexec_kernel.display.lab import lab_data
from dexec_kernel.lab.progress import Progress
from dexec_kernel.lab.result import Passed
from dexec_kernel.lab.room import ContainerView, LabView
from dexec_kernel.lab.spec import Container, Task


def test_a_lab_is_shown_whole_and_its_texts_stay_text():
    progress = Progress([Task("one", "The <first>", 2), Task("two", "Next", after=("one",))])
    bounded = Container("lab", "debian", mem_limit=128 << 20, pids_limit=64, cpus=0.5)
    free = Container("db", "<redis>", network_mode="bridge")
    views = (
        ContainerView(bounded, "x-1", "running", 1 << 20, 3),
        ContainerView(free, "x-2", "stopped"),
    )
    data = lab_data(LabView("A <lab>", views, tuple(progress), left=125.7))
    text = data["text/plain"]
    assert text.splitlines()[0] == "A <lab> · 0 of 3 points · 2 min 05 s left"
    for part in ("1.0 MiB of 128.0 MiB", "3 of 64", "no limit", "private", "after one", "→"):
        assert part in text
    assert "<first>" not in data["text/html"]
    assert "&lt;redis&gt;" in data["text/html"]
    assert "mathjax_ignore" in data["text/html"]
    progress.checked("one", Passed())
    text = lab_data(LabView("A", views, tuple(progress)))["text/plain"]
    assert text.splitlines()[0] == "A · 2 of 3 points"
    assert "1 check" in text
