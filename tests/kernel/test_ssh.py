"""Kernels whose engine is behind ssh, with a real ssh server."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from devtools import containers, processes
from tests.kernel.conftest import STANDBY
from tests.waiting import GUARD, until


def ssh_of(kernel_pid: int) -> int:
    """The kernel's ssh, of which there is one."""
    found = [pid for pid in children_of(kernel_pid) if name_of(pid) == "ssh"]
    assert len(found) == 1
    return found[0]


def children_of(pid: int) -> list[int]:
    paths = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in paths for word in path.read_text().split()]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:
        return ""


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: name_of(pid) != "ssh" or not Path(f"/proc/{pid}/exe").exists())


def test_a_kernel(sshd, host, start_kernel, run_container, tmp_path):
    container = run_container()
    kernel = start_kernel(engine=sshd.url(host), PATH=sshd.path, DEXEC_CONTAINER=container)
    pid = kernel.manager.provisioner.pid

    result = kernel.run("cd /tmp; export A=kept; echo $A; exit 3")
    assert (result.text(), result.record["exit_code"]) == ("kept\n", 3)
    assert result.record["pid"]
    ssh = ssh_of(pid)
    assert kernel.run("echo $A; pwd").text() == "kept\n/tmp\n"
    until(
        lambda: (
            STANDBY
            in {row["COMMAND"] for row in containers.top(host, container, "-e -o pid -o comm")}
        )
    )
    assert f"at {sshd.url(host)}" in str(kernel.run("%status").messages)

    assert kernel.run("%%exec -- wc -c\n" + 99 * "x" + "\n").text() == "100\n"
    (tmp_path / "file").write_bytes(bytes(range(256)) * 40_000)
    kernel.run(f"%cp {tmp_path / 'file'} :/tmp/file")
    kernel.run(f"%cp :/tmp/file {tmp_path / 'back'}")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()
    assert ssh_of(pid) == ssh, "all calls share one connection"

    # Between two cells.
    kill(ssh)
    assert kernel.run("echo $A; pwd").text() == "kept\n/tmp\n"
    assert ssh_of(pid) != ssh

    # In a cell.
    def drop(message: dict[str, object]) -> None:
        if message["msg_type"] == "stream":
            kill(ssh_of(pid))

    lost = kernel.run("echo begun; sleep 1000", at=drop)
    assert (lost.reply["status"], lost.reply["ename"]) == ("error", "ExecLost")
    assert (lost.record["state"], lost.record["exit_code"]) == ("lost", None)
    assert kernel.run("echo $A").text() == "kept\n"

    # An interrupt goes through the container.
    begun = kernel.interrupt_at("begun")
    assert kernel.run("echo begun; sleep 1000", at=begun).reply["ename"] == "KeyboardInterrupt"

    session = ssh_of(pid)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not processes.of_session(session))


def test_a_connection_that_is_frozen(sshd, host, start_kernel, run_container):
    """The cell after an interrupt connects anew, and does not wait for the old connection."""
    container = run_container()
    kernel = start_kernel(engine=sshd.url(host), PATH=sshd.path, DEXEC_CONTAINER=container)
    assert kernel.run("A=kept; echo $A").text() == "kept\n"
    ssh = ssh_of(kernel.manager.provisioner.pid)
    begun = kernel.interrupt_at("begun")

    def freeze(message: dict[str, object]) -> None:
        if message["msg_type"] == "stream":
            os.kill(ssh, signal.SIGSTOP)
        begun(message)

    reply = kernel.run("echo begun; sleep 98765", at=freeze).reply
    assert reply["ename"] == "KeyboardInterrupt"
    assert "the processes go on until they can be ended" in "\n".join(reply["traceback"])
    assert kernel.run("echo $A").text() == "kept\n"
    until(lambda: not any("98765" in line for line in commands(host, container)))


def commands(host: str, container: str) -> list[str]:
    """The command lines of a container's processes."""
    return [row["COMMAND"] for row in containers.top(host, container, "-e -o pid -o args")]


def test_a_kernel_that_cannot_connect(sshd, host, start_kernel):
    path = sshd.client("kernel-unknown", "UserKnownHostsFile /dev/null")
    kernel = start_kernel(engine=sshd.url(host), PATH=path, DEXEC_CONTAINER="any")
    reply = kernel.run("echo hi", timeout=GUARD).reply
    assert reply["ename"] == "EngineUnavailable"
    assert "ssh: Host key verification failed." in reply["evalue"]
    assert "ssh-keyscan" in "\n".join(reply["traceback"])
