"""Every error that a user can run into: its public name, and its advice."""

from __future__ import annotations

import os
import signal

import pytest

from devtools import containers, images


def fails(result, name: str, *words: str) -> None:
    """Check the reply's error, and that its words and advice have the needed ones."""
    assert result.reply["status"] == "error"
    assert result.reply["ename"] == name
    text = result.reply["evalue"] + "\n".join(result.reply["traceback"])
    for word in words:
        assert word in text


def test_no_such_container(start_kernel):
    kernel = start_kernel(DEXEC_CONTAINER="nowhere")
    result = kernel.run("echo hi")
    fails(result, "ContainerNotFound", "nowhere", "%containers", "%container NAME")
    shown = [content["data"] for content in result.of("display_data")]
    assert not any("application/vnd.dexec.exec+json" in data for data in shown)
    assert "display_data" not in kernel.run("echo hi", allow_stdin=False).types


def test_a_stopped_container(start_kernel, run_container, host):
    name = run_container()
    containers.stop(host, name)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    fails(kernel.run("echo hi"), "ContainerNotRunning", f"docker start {name}")
    containers.start(host, name)
    assert kernel.run("echo hi").text() == "hi\n"


def test_a_paused_container(start_kernel, run_container, host):
    name = run_container()
    # Docker 20.10 deadlocks a container that is paused while an exec starts.
    kernel = start_kernel(DEXEC_CONTAINER=name, DEXEC_STANDBY="0")
    containers.pause(host, name)
    fails(kernel.run("echo hi"), "ContainerPaused", f"docker unpause {name}")
    containers.unpause(host, name)
    assert kernel.run("echo hi").text() == "hi\n"


def test_no_engine(start_kernel, tmp_path):
    kernel = start_kernel(engine=f"unix://{tmp_path}/nothing.sock", DEXEC_CONTAINER="web")
    fails(kernel.run("echo hi"), "EngineUnavailable", "nothing.sock", "DOCKER_HOST")


def test_an_unusable_docker_host(start_kernel):
    kernel = start_kernel(engine="ftp://somewhere", DEXEC_CONTAINER="web")
    fails(kernel.run("echo hi"), "ConfigurationError", "DOCKER_HOST", "ftp://")


def test_several_containers_and_none_chosen(start_kernel, busybox, debian):
    kernel = start_kernel()
    fails(kernel.run("echo hi"), "NotChosenError", f"%container {busybox}", f"%container {debian}")
    kernel.run(f"%container {busybox}")
    assert kernel.run("echo hi").text() == "hi\n"


def test_an_unknown_magic(kernel):
    fails(kernel.run("%contianer web"), "UnknownMagic", "%contianer", "%container [NAME]")


@pytest.mark.parametrize("code", ["nope", "nope --flag 'quoted word'"])
def test_a_command_that_an_image_without_a_shell_lacks(start_kernel, noshell, code):
    kernel = start_kernel(DEXEC_CONTAINER=noshell)
    result = kernel.run(code)
    fails(result, "CommandNotStarted", "no command 'nope'", "executable file not found")
    assert result.text() == ""
    assert result.record["state"] == "not started"
    assert result.record["pid"] is None
    assert "(command not found)" in str(result.outputs)
    assert kernel.run("echo 'two  spaces'").text() == "two  spaces\n"
    fails(kernel.run("echo 'open"), "CellSyntaxError", "left open", "no shell")
    assert " · shell none · " in str(kernel.run("%status").outputs)


def test_a_command_not_found_by_the_shell_is_an_exit(kernel):
    result = kernel.run("nope")
    fails(result, "CommandFailed", "exit code 127 (command not found)")
    assert "not found" in result.text("stderr")
    assert result.record["state"] == "exited"


def test_exit_126_of_the_users_own(kernel):
    result = kernel.run("exit 126")
    fails(result, "CommandFailed", "exit code 126")
    assert result.record["state"] == "exited"
    assert result.record["pid"] > 0


def test_out_of_memory_is_named(start_kernel, run_container):
    name = run_container(images.DEBIAN, memory=48 * 1024 * 1024)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    result = kernel.run("exec python3 -c 'x = bytearray(200_000_000)'")
    fails(result, "CommandFailed", "exit code 137 (SIGKILL, out of memory)")


def test_a_container_that_is_killed_under_the_cell(start_kernel, run_container, host):
    name = run_container()
    kernel = start_kernel(DEXEC_CONTAINER=name)

    def kill(message):
        if message["msg_type"] == "stream":
            containers.kill(host, name)

    result = kernel.run("echo here; sleep 60000", at=kill)
    assert result.text() == "here\n"
    fails(result, "CommandFailed", "exit code 137", "the container stopped")


def test_a_container_that_is_removed_under_the_cell(start_kernel, run_container, host):
    name = run_container()
    kernel = start_kernel(DEXEC_CONTAINER=name)

    def remove(message):
        if message["msg_type"] == "stream":
            containers.remove_container(host, name)

    result = kernel.run("echo here; sleep 60000", at=remove)
    assert result.text() == "here\n"
    assert result.reply["ename"] in {"ExecLost", "CommandFailed"}
    assert result.record["exit_code"] != 0
    fails(kernel.run("echo hi"), "ContainerNotFound", name)


def test_an_engine_that_goes_away_and_comes_back(start_kernel, fragile_engine):
    engine = fragile_engine
    kernel = start_kernel(engine=engine.host, DEXEC_CONTAINER="work")
    assert kernel.run("echo hi").text() == "hi\n"

    def stop(message):
        if message["msg_type"] == "stream":
            engine.stop_daemon()

    result = kernel.run("echo here; sleep 60000", at=stop)
    assert result.reply["status"] == "error"
    assert result.record["exit_code"] != 0
    fails(kernel.run("echo hi"), "EngineUnavailable", "DOCKER_HOST")
    engine.start_daemon()
    containers.start(engine.host, "work")
    assert kernel.run("echo hi").text() == "hi\n"


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("DEXEC_STATUS_BAR", "blinking", ("live", "static", "off")),
        ("DEXEC_INTERRUPT_GRACE", "soon", ("interrupt_grace",)),
        ("DEXEC_INTERRUPT_GRACE", "-1", ("interrupt_grace",)),
    ],
)
def test_a_setting_that_is_not_valid(start_kernel, busybox, setting, value, words):
    kernel = start_kernel(DEXEC_CONTAINER=busybox, **{setting: value})
    fails(kernel.run("echo hi"), "ConfigurationError", setting, repr(value), *words)


def test_a_cell_can_be_interrupted_while_the_engine_hangs(start_kernel, fragile_engine):
    engine = fragile_engine
    kernel = start_kernel(engine=engine.host, DEXEC_CONTAINER="work", DEXEC_STANDBY="0")
    assert kernel.run("echo hi").text() == "hi\n"
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        request = kernel.send("echo never")
        kernel.busy(request)
        kernel.interrupt()
        # Without the engine's help: it hangs until there is a reply.
        result = kernel.collect(request)
    finally:
        os.kill(engine.pid, signal.SIGCONT)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert kernel.run("echo again").text() == "again\n"
