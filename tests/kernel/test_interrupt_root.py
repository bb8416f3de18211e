"""A cell of an ordinary user that has become root, as by sudo: only root can end it."""

from __future__ import annotations

import pytest

from devtools import containers, images

#: As sudo does it: a program with the setuid bit, which takes root's identity and runs a command.
SUDO = "/usr/bin/python-sudo"
AS_ROOT = SUDO + """ -c 'import os; os.setuid(0); os.execvp("sleep", ["sleep", "{seconds}"])'"""


@pytest.fixture
def place(host, run_container):
    name = run_container(images.DEBIAN)
    script = f"cp /usr/bin/python3 {SUDO} && chmod 4755 {SUDO}"
    assert containers.run(host, name, ["sh", "-c", script]).exit_code == 0
    return name


def owners(host: str, name: str) -> dict[str, str]:
    """Each process's command and the id of its user."""
    listing = containers.top(host, name, "-eo pid,uid,args")
    return {row["COMMAND"]: row["UID"] for row in listing}


def test_an_interrupt_reaches_what_has_become_root(start_kernel, host, place, gone):
    kernel = start_kernel(DEXEC_CONTAINER=place, DEXEC_INTERRUPT_GRACE="0.3")
    seen = {}
    command = AS_ROOT.format(seconds=61000)
    waiting = "until grep -qx sleep /proc/$!/comm; do sleep 0.05; done"

    def interrupt(message):
        if message["msg_type"] == "stream":
            seen.update(owners(host, place))
            kernel.interrupt()

    result = kernel.run(
        f"%%exec -u student\n{command} & {waiting}; echo on; {AS_ROOT.format(seconds=62000)}",
        at=interrupt,
    )
    assert seen["sleep 61000"] == "0"
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert "SIGKILL" in result.reply["evalue"]
    assert gone(place) == []
    assert kernel.run("%%exec -u student\nid -un").text() == "student\n"
