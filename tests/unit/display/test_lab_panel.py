"""``%lab`` with buttons: those that a lab needs, and what each of them runs."""

from __future__ import annotations

import pytest

from dexec_kernel.display.html import Html
from dexec_kernel.display.lab_panel import LabPanel
from dexec_kernel.lab.progress import Progress
from dexec_kernel.lab.result import NotYet, Passed
from dexec_kernel.lab.room import ContainerView, LabView
from dexec_kernel.lab.spec import Container, Task


def view(progress: Progress, *containers: str, hints: tuple[str, ...] = ()) -> LabView:
    views = tuple(ContainerView(Container(name, "i"), name, "running") for name in containers)
    return LabView("A <lab>", views, tuple(progress), hints=frozenset(hints))


def texts(panel: LabPanel) -> list[str]:
    return [button.description for button in panel._controls]


def press(panel: LabPanel, text: str) -> None:
    [button] = [button for button in panel._controls if button.description == text]
    button.click()


@pytest.fixture
def progress() -> Progress:
    return Progress([Task("one", "The <first>"), Task("two", after=("one",)), Task("three")])


def test_open_tasks_have_a_check_and_a_hint_where_one_is_offered(progress):
    lines: list[str] = []
    panel = LabPanel(view(progress, "lab"), lines.append)
    assert texts(panel) == ["Check one", "Check three", "Reset"]
    press(panel, "Check one")
    assert lines == ["%check one"]
    progress.checked("three", NotYet())
    progress.checked("one", Passed())
    panel.update(view(progress, "lab", hints=("three",)))
    assert texts(panel) == ["Check two", "Check three", "Hint three", "Reset"]
    press(panel, "Hint three")
    assert lines[1:] == ["%hint three"]
    assert "<first>" not in panel._html.value

    panel.report(Html("x"), is_busy=True)
    panel.update(view(progress, "lab"))
    assert all(button.disabled for button in panel._controls)
    press(panel, "Check two")
    assert len(lines) == 2
    panel.report(Html("y"), is_busy=False)
    assert not any(button.disabled for button in panel._controls)
    panel.close()


def test_a_reset_asks_once_more(progress):
    lines: list[str] = []
    panel = LabPanel(view(progress, "lab", "db"), lines.append)
    assert texts(panel)[2:] == ["Reset all", "Reset lab", "Reset db"]
    press(panel, "Reset db")
    assert "removes your files and processes in db" in panel._below.value
    assert texts(panel) == ["Reset db: remove its files", "Cancel"]
    press(panel, "Cancel")
    assert (lines, texts(panel)[2:]) == ([], ["Reset all", "Reset lab", "Reset db"])
    for name in ("Reset db", "Reset all"):
        press(panel, name)
        press(panel, f"{name}: remove its files")
    assert lines == ["%lab reset db", "%lab reset"]
    panel.close()
