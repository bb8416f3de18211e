"""The bar of the kernel and its list of containers: their words, without markup from outside."""

from __future__ import annotations

import pytest

from dexec_kernel.cells.outcome import State
from dexec_kernel.display.containers import NONE_CHOSEN, Candidate, Choice, chosen_data
from dexec_kernel.display.kernel_bar import KernelState, kernel_bar_html, kernel_bar_text
from tests.unit.display.test_bar import HOSTILE, Page

WEB, DB = Candidate("web", "nginx:1"), Candidate("db", "postgres")
IN_WEB = Choice((WEB, DB), "web", "0123", "/srv")


@pytest.mark.parametrize(
    ("choice", "options"),
    [
        (Choice(()), [(NONE_CHOSEN, "")]),
        (Choice((WEB,)), [(NONE_CHOSEN, ""), ("web", "web")]),
        (IN_WEB, [("web", "web"), ("db", "db")]),
        (
            Choice((DB,), "web", trouble="not found"),
            [("web  (not found)", "web"), ("db", "db")],
        ),
    ],
)
def test_the_list_always_has_what_is(choice, options):
    assert choice.options(images=False) == options
    assert choice.current in [name for _, name in options]


def test_the_list_with_images():
    labels = [label for label, _ in IN_WEB.options(images=True)]
    assert labels == ["web  (nginx:1)", "db  (postgres)"]


def test_a_hostile_name_keeps_the_line():
    [(label, name)] = Choice((Candidate(HOSTILE, HOSTILE),), HOSTILE, "1").options(images=True)
    assert label.isprintable()
    assert name == HOSTILE
    data = chosen_data(HOSTILE)
    assert "<script" not in data["text/html"]
    assert data["text/plain"].isprintable()


def texts(snapshot):
    running = snapshot(state=State.RUNNING, exit_code=None, duration=5.5)
    failed = snapshot(exit_code=3)
    elsewhere = snapshot(container="db")
    return [
        (KernelState(Choice()), "no container"),
        (KernelState(IN_WEB), "idle"),
        (KernelState(IN_WEB, running=running), "running · 5 s · PID 4711"),
        (
            KernelState(IN_WEB, last=failed, folder="/srv", standby=2),
            "idle · last cell: ✗ exit code 3 · PID 4711 · in /srv · ready",
        ),
        (
            KernelState(IN_WEB, last=elsewhere),
            "idle · last cell: ✓ exit code 0 · PID 4711 in db",
        ),
        (
            KernelState(IN_WEB, last=failed, has_ended=True),
            "kernel ended · web · last cell: ✗ exit code 3 · PID 4711",
        ),
        (
            KernelState(Choice((), "web", "1", trouble="paused"), notice="restarting web …"),
            "paused · restarting web …",
        ),
    ]


def test_every_state_in_words(snapshot):
    for state, text in texts(snapshot):
        assert kernel_bar_text(state) == text
        assert Page(kernel_bar_html(state)).text.partition(" ")[2] == text


def test_unknown_is_never_zero(snapshot):
    lost = snapshot(state=State.LOST, pid=None, exit_code=None)
    text = kernel_bar_text(KernelState(IN_WEB, last=lost))
    assert "exit code unknown" in text
    assert "PID unknown" in text


def test_nothing_from_outside_is_markup(snapshot):
    hostile = snapshot(container=HOSTILE, exit_reason=HOSTILE, exit_code=1)
    state = KernelState(
        Choice((), HOSTILE, "1", trouble=HOSTILE), last=hostile, folder=HOSTILE, notice=HOSTILE
    )
    html = kernel_bar_html(state)
    assert "<script" not in html
    assert html.isprintable()
    assert {tag for tag, _ in Page(html).tags} == {"div", "span"}
    assert kernel_bar_text(state).isprintable()
