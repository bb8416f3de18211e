"""The display of ``%container``."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import SWARM_SERVICE_LABEL, SWARM_TASK_LABEL
from dexec_kernel.display.containers import choice_data

HOSTILE = "<img src=x onerror=alert(1)>\"'&\n\u202e\x1b[31m"


def summary(name: str, image: str = "busybox", status: str = "Up 3 hours") -> ContainerSummary:
    return ContainerSummary(
        id=f"id-{name}", name=name, image=image, state="running", status=status, labels={}
    )


def chosen(name: str, image: str = "busybox", note: str = "") -> SimpleNamespace:
    state = {"running": True, "why_not_running": ""}
    return SimpleNamespace(id=f"id-{name}", name=name, image=image, note=note, **state)


def test_no_container_runs():
    data = choice_data([], chosen=None, setting="")
    assert data["text/plain"] == "No container is chosen. No container is running."
    assert "<table" not in data["text/html"]


def test_several_and_none_chosen():
    data = choice_data([summary("web"), summary("db")], chosen=None, setting="")
    assert data["text/plain"].splitlines() == [
        "No container is chosen.",
        "  %container web  (busybox, Up 3 hours)",
        "  %container db  (busybox, Up 3 hours)",
    ]
    assert data["text/html"].count("<tr>") == 2


def test_the_only_one():
    data = choice_data([summary("web")], chosen=chosen("web"), setting="")
    assert data["text/plain"].splitlines() == [
        "Cells run in web (image busybox, the only running one).",
        "→ %container web  (busybox, Up 3 hours)",
    ]


def test_chosen_by_another_name():
    data = choice_data([], chosen=chosen("shop-web-1"), setting="compose:shop/web")
    expected = "Cells run in shop-web-1 (image busybox, chosen as compose:shop/web)."
    assert data["text/plain"] == expected
    assert expected in data["text/html"]


def test_why_it_is_this_one():
    data = choice_data([], chosen=chosen("web", note="Another was passed over."), setting="web")
    assert data["text/plain"] == "Cells run in web (image busybox). Another was passed over."


def test_one_that_does_not_run_says_why():
    container = chosen("web")
    container.running = False
    data = choice_data([], chosen=container, setting="web")
    assert data["text/plain"] == "Cells run in web (image busybox). It is not running."
    container.why_not_running = "Completed, exit code 0"
    data = choice_data([], chosen=container, setting="web")
    assert data["text/plain"].endswith("It is not running: Completed, exit code 0.")


def test_a_swarms_task_is_named_by_its_slot():
    name = f"web.2.{'t' * 25}"
    labels = {SWARM_SERVICE_LABEL: "web", SWARM_TASK_LABEL: name}
    data = choice_data(
        [replace(summary(name), labels=labels)], chosen=chosen(name), setting="swarm:web.2"
    )
    assert data["text/plain"].splitlines() == [
        "Cells run in web.2 (image busybox, chosen as swarm:web.2).",
        "→ %container swarm:web.2  (busybox, Up 3 hours)",
    ]


def test_only_the_chosen_one_is_marked():
    data = choice_data([summary("web"), summary("db")], chosen=chosen("db"), setting="db")
    lines = data["text/plain"].splitlines()
    assert [line[0] for line in lines[1:]] == [" ", "→"]
    assert data["text/html"].count("→") == 1


def test_nothing_from_outside_is_markup():
    data = choice_data(
        [summary(HOSTILE, HOSTILE, HOSTILE)], chosen=chosen(HOSTILE, HOSTILE), setting=HOSTILE + "x"
    )
    assert "<img" not in data["text/html"]
    assert data["text/html"].isprintable()
    assert len(data["text/plain"].splitlines()) == 2
    assert "\x1b" not in data["text/plain"]
