"""The user, folder and shell of a container's labels hold for every cell in it."""

from __future__ import annotations

import pytest

from devtools import images

LABELS = {"dexec.user": "1000", "dexec.workdir": "/tmp"}
WHO = "echo $(id -u) $PWD"


@pytest.fixture
def labelled(run_container):
    return run_container(images.DEBIAN, labels=LABELS)


@pytest.mark.parametrize("way", ["setting", "magic", "option"])
def test_defaults_hold_however_the_container_was_chosen(way, start_kernel, labelled, debian):
    kernel = start_kernel(DEXEC_CONTAINER=labelled if way == "setting" else debian)
    if way == "magic":
        kernel.run(f"%container {labelled}")
    head = f"%%exec -c {labelled}\n" if way == "option" else ""
    result = kernel.run(f"{head}{WHO}")
    assert result.text() == "1000 /tmp\n"
    assert (result.record["user"], result.record["cwd"]) == ("1000", "/tmp")


def test_a_cell_may_say_otherwise_and_the_session_goes_on(start_kernel, labelled):
    kernel = start_kernel(DEXEC_CONTAINER=labelled, DEXEC_INTERRUPT_GRACE="100000")
    assert kernel.run(f"%%exec -u 0 -w /\n{WHO}").text() == "0 /\n"
    kernel.run("cd /usr/bin; a=kept")
    assert kernel.run(f"{WHO}; echo $a").text() == "1000 /usr/bin\nkept\n"

    ended = kernel.run("echo begun; sleep 100000", at=kernel.interrupt_at("begun"))
    assert ended.reply["ename"] == "KeyboardInterrupt"
    assert ended.record["exit_code"] == 130


@pytest.mark.parametrize(
    ("shell", "code", "printed"),
    [
        ("sh", "echo ${BASH_VERSION:-none}", "none\n"),
        ("/bin/dash", "readlink /proc/$$/exe", "/usr/bin/dash\n"),
        ("none", "echo $HOME | cat", "$HOME | cat\n"),
    ],
)
def test_the_shell(shell, code, printed, start_kernel, run_container):
    name = run_container(images.DEBIAN, labels={"dexec.shell": shell})
    kernel = start_kernel(DEXEC_CONTAINER=name)
    assert kernel.run(code).text() == printed
    assert kernel.run(code).text() == printed


def test_a_shell_that_is_not_there_is_said_to_be_missing(start_kernel, run_container):
    name = run_container(images.DEBIAN, labels={"dexec.shell": "/opt/fish"})
    reply = start_kernel(DEXEC_CONTAINER=name).run("echo").reply
    assert reply["ename"] == "CommandNotStarted"
    assert "/opt/fish" in reply["evalue"]
