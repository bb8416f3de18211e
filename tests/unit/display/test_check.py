"""The bar of a check in every state; nothing from a container becomes markup."""

from __future__ import annotations

import pytest

from dexec_kernel.display.check import check_data, ending_of, hint_data, running_data
from dexec_kernel.lab.checks.desk import Checked, Hint
from dexec_kernel.lab.progress import Progress
from dexec_kernel.lab.result import MIME_TYPE, Broken, NotYet, Passed, TimedOut
from dexec_kernel.lab.spec import Task
from tests.unit.display.test_bar import HOSTILE, Page

SAYS_NOTHING = "This says nothing about your work, and does not count."
TASK = Task("pipes", "Use <i>pipes</i>", points=1, after=("files",))


def shown(result, *, has_hint=False, task=TASK):
    progress = Progress([Task("files"), task])
    return check_data(Checked(progress.checked("pipes", result), result, has_hint))


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        (
            Passed(message="Yes.", duration=0.2),
            ["passed · pipes · Use <i>pipes</i> · 1 of 1 point · attempt 1 · 200 ms", "Yes."],
        ),
        (
            NotYet(message="No:\n  a", duration=0.2, notes=("A note.",)),
            [
                "not yet · pipes · Use <i>pipes</i> · 0 of 1 point · attempt 1 · 200 ms",
                *("No:", "  a", "A note.", "This task comes after: files."),
            ],
        ),
        (
            Broken(reason="No shell.", duration=0.2),
            [
                "broken · pipes · Use <i>pipes</i> · 0 of 1 point · attempt 1 · 200 ms",
                f"The check is broken. No shell. {SAYS_NOTHING}",
                "This task comes after: files.",
            ],
        ),
        (
            TimedOut(seconds=15, duration=15),
            [
                "timed out · pipes · Use <i>pipes</i> · 0 of 1 point · attempt 1 · 15.0 s",
                f"The check took more than 15 s, and was ended. {SAYS_NOTHING}",
                "This task comes after: files.",
            ],
        ),
    ],
)
def test_every_state_in_words(result, lines):
    data = shown(result)
    assert data["text/plain"].split("\n") == lines
    page = Page(data["text/html"])
    assert all(line.strip() in page.text for line in lines)
    assert data[MIME_TYPE]["state"] in lines[0]


def test_a_hint_is_offered():
    assert shown(NotYet(), has_hint=True)["text/plain"].endswith("%hint pipes shows a hint.")


def test_nothing_from_outside_is_markup():
    task = Task("pipes", HOSTILE)
    data = shown(NotYet(message=HOSTILE, notes=(HOSTILE,)), task=task)
    assert {tag for tag, _ in Page(data["text/html"]).tags} == {"div", "span"}
    for text in (data["text/html"], data["text/plain"], running_data(task)["text/html"]):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "<script" not in text or text == data["text/plain"]


def test_the_teachers_text_is_nowhere():
    assert "hunter2" not in str(shown(NotYet(message="m", stderr="hunter2")))
    assert "hunter2" not in ending_of(NotYet(stderr="hunter2"))


def test_a_hint():
    progress = Progress([TASK]).find("pipes")
    data = hint_data(Hint(progress, 1, 2, "Use **|** <script>alert(1)</script>"))
    assert data["text/plain"].startswith("Hint 1 of 2 for pipes\n\nUse **|**")
    assert "**Hint 1 of 2 for pipes**" in data["text/markdown"]
    assert "<script" not in data["text/markdown"]
