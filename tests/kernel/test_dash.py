"""An image whose only shell is dash, as Debian's /bin/sh is: all of a session works in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devtools import containers, images
from tests.kernel.conftest import Kernel
from tests.waiting import GUARD


@pytest.fixture
def place(host: str, run_container: Callable[..., str]) -> str:
    """A container of its own that had a bash once."""
    name = run_container(images.DEBIAN)
    assert containers.run(host, name, ["rm", "/usr/bin/bash"]).exit_code == 0
    return name


@pytest.fixture
def dash(start_kernel: Callable[..., Kernel], place: str) -> Kernel:
    return start_kernel(DEXEC_CONTAINER=place, DEXEC_STATUS_BAR="static")


def test_it_is_dash_and_its_state_carries_over(dash):
    assert dash.run("readlink /proc/$$/exe; echo ${BASH_VERSION-none}").text() == (
        "/usr/bin/dash\nnone\n"
    )
    value = 'it\'s\n"é" $x \\'
    quoted = value.replace("'", "'\\''")
    dash.run(
        f"cd /tmp; umask 027; alias greet='echo Hello'; plain='{quoted}'; export seen=1; set -f"
    )
    result = dash.run('pwd; umask; greet you; echo "$plain"; printenv seen plain; echo *; exit 3')
    assert result.text() == f"/tmp\n0027\nHello you\n{value}\n1\n*\n"
    assert result.reply["evalue"] == "exit code 3"
    assert dash.run("set +f; false; pwd").text() == "/tmp\n"


def test_an_interrupt(dash, gone, place):
    for work in (
        "while :; do sleep 0.1; done",
        "sleep 91000 | cat",
        "setsid sleep 92000 & sleep 93000",
    ):
        result = dash.run(f"kept=yes; echo on; {work}", at=dash.interrupt_at("on"))
        assert result.reply["ename"] == "KeyboardInterrupt"
        assert gone(place) == []
    assert dash.run("echo $kept").text() == "yes\n"


def test_input(dash):
    code = "printf 'Name: '; read a; echo [$a]; read -p 'Word: ' b; cat; echo [$b]"
    cell = dash.send(code, allow_stdin=True)
    prompts = []
    for line in ("Ada", "x", "more", "\x04"):
        prompts.append(dash.asked(cell)["prompt"])
        dash.client.input(line)
    assert dash.collect(cell).text() == "Name: [Ada]\nmore\n[x]\n"
    assert prompts == ["Name: ", "Word: ", "", ""]


def test_background_processes(dash, gone, gate, place):
    held = gate(place)
    result = dash.run(f"({held.wait}; echo late) & sleep 94000 & echo soon; exit 4")
    assert dash.run("echo other").text() == "other\n"
    assert (result.text(), result.reply["evalue"]) == ("soon\n", "exit code 4")
    assert result.record["state"] == "background"
    held.open()
    while dash.client.get_iopub_msg(timeout=GUARD)["content"].get("text") != "late\n":
        pass
    dash.manager.shutdown_kernel()
    assert gone(place) == []
