"""A real engine behind a real ssh server."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devtools import processes
from dexec_kernel.backend.models import ConsoleSize, ContainerSummary, ExecConfig, ExecState
from dexec_kernel.cells.outcome import Exited
from dexec_kernel.cli.command import FAILED, OK, run
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.endpoint import parse_host
from dexec_kernel.engine.watch import EngineWatch
from dexec_kernel.errors import EngineUnavailable
from tests.engine.execs import Cell, collect, echoed, execute
from tests.waiting import GUARD, until

HUNDRED_MB = 100_000_000


@pytest.fixture(autouse=True)
def _ssh(sshd, monkeypatch):
    monkeypatch.setenv("PATH", sshd.path)


@pytest.fixture
def far_url(sshd, host) -> str:
    """Our dockerd, through ssh."""
    return sshd.url(host)


@pytest.fixture
async def far(sshd, host) -> AsyncIterator[EngineClient]:
    """A client of our dockerd, through ssh."""
    async with EngineClient(parse_host(sshd.url(host), source="the test")) as ours:
        yield ours


def tunnels(port: int) -> list[int]:
    """The PIDs of the ssh processes, and of the shells beside them, that go to a port."""
    found = []
    for pid in processes.pids():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"-L" in words and str(port).encode() in words:
                found.append(pid)
    return found


def ssh_pid(client: EngineClient) -> int:
    assert client._ssh is not None
    assert client._ssh._tunnel is not None
    return client._ssh._tunnel._process.pid


async def kill(client: EngineClient) -> None:
    """End ssh as a crash would, and wait until it has ended."""
    assert client._ssh is not None
    tunnel = client._ssh._tunnel
    assert tunnel is not None
    os.kill(tunnel._process.pid, signal.SIGKILL)
    await asyncio.to_thread(until, lambda: not tunnel.is_up)


async def test_a_cell(far, busybox):
    cell = Cell(far, busybox, "cat; echo é; echo oh >&2; exit 4")
    assert await cell.outcome() == Exited(4, "")
    assert (cell.stdout, cell.stderr) == ("é\n", "oh\n")
    # No PID that it names is looked for on this machine.
    assert far.is_remote
    assert far.url.startswith("ssh://127.0.0.1:")


async def test_all_calls_share_one_connection(far, busybox):
    calls = [execute(far, busybox, "echo", str(number)) for number in range(10)]
    answers = await asyncio.gather(*calls, far.container_list(), far.ping())
    assert [answer[1] for answer in answers[:10]] == [f"{number}\n" for number in range(10)]
    session = os.getsid(ssh_pid(far))
    ours = [pid for pid in tunnels(far.endpoint.ssh.port) if os.getsid(pid) == session]
    assert len(ours) == 2, "ssh, and the shell that watches over it"
    assert session != os.getsid(0), "a Ctrl-C for us is not for ssh"


@pytest.mark.parametrize("size", [0, 3_000_000])
async def test_half_close_loses_nothing_of_what_follows(far, busybox, size):
    config = ExecConfig(["sh", "-c", "seq 20000; wc -c; seq 20000"], attach_stdin=True)
    exec_id = await far.container_exec_create(busybox, config)
    async with await far.container_exec_attach(exec_id) as connection:
        await connection.write(b"x" * size)
        await connection.close_write()
        out, _ = await asyncio.wait_for(collect(connection), GUARD)
    numbers = "".join(f"{n}\n" for n in range(1, 20_001))
    assert out.decode() == f"{numbers}{size}\n{numbers}"
    assert (await far.container_exec_wait(exec_id)).exit_code == 0


async def test_eight_megabytes_there_and_back(far, busybox):
    data = bytes(range(256)) * (8 * 1024 * 4)
    back = await echoed(far, busybox, data)
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()


async def test_a_hundred_megabytes(far, busybox):
    config = ExecConfig(["head", "-c", str(HUNDRED_MB), "/dev/zero"])
    exec_id = await far.container_exec_create(busybox, config)
    count = 0
    async with await far.container_exec_attach(exec_id) as connection:
        async for frame in connection:
            count += len(frame.data)
    assert count == HUNDRED_MB


async def test_tty(far, busybox):
    config = ExecConfig(["sh", "-c", "read -r x; stty size"], attach_stdin=True, tty=True)
    exec_id = await far.container_exec_create(busybox, config)
    async with await far.container_exec_attach(exec_id, tty=True) as connection:
        await far.container_exec_resize(exec_id, ConsoleSize(12, 34))
        await connection.write(b"\n")
        out, _ = await asyncio.wait_for(collect(connection), GUARD)
    assert out.endswith(b"12 34\r\n")


async def test_podman(sshd, podman, podman_busybox):
    async with EngineClient(parse_host(sshd.url(podman.host), source="the test")) as client:
        assert (await client.ping()).is_podman
        cell = Cell(client, podman_busybox, "exit 3")
        assert await cell.outcome() == Exited(3, "")


async def test_a_lost_connection_is_made_again(far, busybox):
    await execute(far, busybox, "true")
    first = ssh_pid(far)
    exec_id = await far.container_exec_create(busybox, ExecConfig(["sleep", "1000"]))
    async with await far.container_exec_attach(exec_id) as connection:
        await kill(far)
        assert await asyncio.wait_for(connection.read(), GUARD) == []
    assert (await execute(far, busybox, "echo", "again"))[1] == "again\n"
    still = await far.container_exec_inspect(exec_id)
    assert still.state is ExecState.RUNNING
    assert still.pid is not None
    os.kill(still.pid, signal.SIGKILL)  # The container is others', too.
    assert ssh_pid(far) != first
    await kill(far)
    assert "shared-busybox" in [found.name for found in await far.container_list()]


async def test_nothing_is_left_when_it_is_closed(sshd, host):
    async with EngineClient(parse_host(sshd.url(host), source="the test")) as client:
        await client.ping()
        assert client._ssh is not None
        session, folder = os.getsid(ssh_pid(client)), Path(client._ssh.path).parent
        assert folder.stat().st_mode & 0o777 == 0o700
    await asyncio.to_thread(until, lambda: _is_gone(session, folder))


def _is_gone(session: int, folder: Path) -> bool:
    return not folder.exists() and not processes.of_session(session)


_OWNER = """
import asyncio, os, sys
from dexec_kernel.engine.client import EngineClient
async def main():
    client = await EngineClient.from_environment()
    await client.ping()
    print(os.getsid(client._ssh._tunnel._process.pid), client._ssh.path, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_nothing_is_left_of_a_process_that_is_killed(sshd, host):
    environ = {**os.environ, "DOCKER_HOST": sshd.url(host)}
    command = [sys.executable, "-c", _OWNER]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        session, path = owner.stdout.readline().split()
        assert processes.of_session(int(session))
        owner.kill()
    until(lambda: _is_gone(int(session), Path(path).parent))


@pytest.mark.parametrize("options", ['command="exit 7"', 'restrict,port-forwarding,command="cat"'])
async def test_an_account_that_may_only_forward(sshd, far_url, busybox, options):
    keys = sshd.directory / "authorized_keys"
    before = keys.read_text()
    keys.write_text(f"{options} {before}")
    try:
        async with EngineClient(parse_host(far_url, source="the test")) as client:
            for word in ("one", "two"):
                assert (await execute(client, busybox, "echo", word))[1] == f"{word}\n"
    finally:
        keys.write_text(before)


async def test_a_master_of_the_users_is_used_and_keeps_nothing(sshd, host, busybox, monkeypatch):
    control = sshd.directory / "control"
    monkeypatch.setenv("PATH", sshd.client("master", f"ControlPath {control}"))
    port = str(sshd.port)
    command = ["ssh", "-M", "-N", "-p", port, "127.0.0.1"]
    master = await asyncio.create_subprocess_exec(*command)
    try:
        await asyncio.to_thread(until, control.exists)
        async with EngineClient(parse_host(sshd.url(host), source="the test")) as client:
            assert (await execute(client, busybox, "echo", "hi"))[1] == "hi\n"
            session = os.getsid(ssh_pid(client))
            assert client._ssh is not None
            path = client._ssh.path
            assert _listens(path)
        await asyncio.to_thread(until, lambda: _is_gone(session, Path(path).parent))
        assert master.returncode is None
        assert not _listens(path)
    finally:
        master.terminate()
        await master.wait()


def _listens(path: str) -> bool:
    return any(
        line.endswith(f" {path}") for line in Path("/proc/net/unix").read_text().splitlines()
    )


# --- the picker and the command -------------------------------------------------------------------


async def test_the_picker_follows_it_and_ends_its_connection(sshd, host, run_container):
    names: list[str] = []
    happened = asyncio.Event()

    async def on_containers(found: list[ContainerSummary]) -> None:
        names[:] = [container.name for container in found]
        happened.set()

    environ = {"DOCKER_HOST": sshd.url(host)}
    watch = asyncio.create_task(EngineWatch(environ, on_containers=on_containers).run())
    await asyncio.wait_for(happened.wait(), GUARD)
    name = await asyncio.to_thread(run_container)
    while name not in names:
        happened.clear()
        await asyncio.wait_for(happened.wait(), GUARD)
    ours = [pid for pid in tunnels(sshd.port) if f"{host[7:]}" in words_of(pid)]
    assert ours
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    await asyncio.to_thread(until, lambda: not set(ours) & set(tunnels(sshd.port)))


def words_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_command(far_url, busybox, home, monkeypatch, capsys):
    monkeypatch.setenv("DOCKER_HOST", far_url)
    assert run(["list", "--json"]) == OK
    assert busybox in [item["name"] for item in json.loads(capsys.readouterr().out)]
    assert run(["doctor", "--json", "--container", busybox]) == OK
    found = {item["check"]: item for item in json.loads(capsys.readouterr().out)}
    assert found["endpoint"]["message"] == f"{far_url}, from DOCKER_HOST"
    assert found["connection"]["message"].startswith("Docker/")
    assert found["stdin"]["message"].startswith("passes")
    assert run(["install", "--prefix", str(home), "--container", busybox]) == OK
    [spec] = home.glob("share/jupyter/kernels/*/kernel.json")
    assert json.loads(spec.read_text())["env"]["DOCKER_HOST"] == far_url
    capsys.readouterr()

    monkeypatch.setenv("DOCKER_HOST", far_url + ".nosuch")
    assert run(["doctor", "--json"]) == FAILED
    found = {item["check"]: item for item in json.loads(capsys.readouterr().out)}
    assert "no engine answers at /" in found["connection"]["message"]
    assert run(["list"]) == FAILED
    assert "no engine answers" in capsys.readouterr().err

    monkeypatch.setenv("DOCKER_HOST", "ssh://me:hunter2@far")
    install = ["install", "--no-check", "--prefix", str(home), "--container", "any"]
    for arguments in (install, ["sync"], ["doctor"], ["list"]):
        assert run(arguments) == FAILED
        assert "hunter2" not in "".join(capsys.readouterr())
    assert not [path for path in home.rglob("*.json") if "hunter2" in path.read_text()]


# --- in ssh's own words ---------------------------------------------------------------------------


async def fault_of(url: str) -> EngineUnavailable:
    async with EngineClient(parse_host(url, source="the test"), api_version="1.41") as client:
        with pytest.raises(EngineUnavailable) as caught:
            await client.ping()
        with pytest.raises(EngineUnavailable):
            await client.container_exec_attach("0" * 64)
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    "lines",
    [
        ["ClearAllForwardings yes"],
        ["ForkAfterAuthentication yes"],
        ["RequestTTY force", "RemoteCommand echo hi", "StdinNull yes", "LogLevel QUIET"],
    ],
)
async def test_an_odd_configuration(sshd, host, busybox, monkeypatch, lines):
    name = "-".join(line.split()[0] for line in lines)
    monkeypatch.setenv("PATH", sshd.client(name, *lines))
    async with EngineClient(parse_host(sshd.url(host), source="the test")) as client:
        assert (await execute(client, busybox, "echo", "hi"))[1] == "hi\n"
        assert client._ssh is not None
        session, folder = os.getsid(ssh_pid(client)), Path(client._ssh.path).parent
    await asyncio.to_thread(until, lambda: _is_gone(session, folder))
    assert name not in " ".join(words_of(pid) for pid in tunnels(sshd.port)), "one is left"


async def test_through_another_machine(sshd, host, busybox, monkeypatch):
    """ProxyJump, and a name of the configuration instead of a host's."""
    machine = [f"HostName 127.0.0.1\n  Port {sshd.port}"]
    hosts = ["Match originalhost far\n  ProxyJump jump", "Host *"]
    monkeypatch.setenv("PATH", sshd.client("jump", *machine, *hosts))
    url = f"ssh://far{host.removeprefix('unix://')}"
    async with EngineClient(parse_host(url, source="the test")) as client:
        assert (await execute(client, busybox, "echo", "hi"))[1] == "hi\n"


async def test_an_account_whose_shell_prints(sshd, far_url, busybox):
    """As a .bashrc does, or a message of the day."""
    keys = sshd.directory / "authorized_keys"
    before = keys.read_text()
    noise = "seq 100000; echo open failed >&2; seq 2000 >&2"
    keys.write_text(f'command="{noise}; eval \\"$SSH_ORIGINAL_COMMAND\\"" {before}')
    try:
        async with EngineClient(parse_host(far_url, source="the test")) as client:
            assert (await execute(client, busybox, "echo", "hi"))[1] == "hi\n"
    finally:
        keys.write_text(before)


async def test_wrong_key(sshd, host, monkeypatch):
    key = sshd.new_key("stranger")
    lines = [f"IdentityFile {key}", f"UserKnownHostsFile {sshd.known_hosts}"]
    monkeypatch.setenv("PATH", sshd.client("wrong-key", *lines, inherit=False))
    error = await fault_of(sshd.url(host))
    assert "Permission denied (publickey)" in error.message
    assert "ssh-add" in error.advice


async def test_unknown_host_key(sshd, host, monkeypatch):
    path = sshd.client("unknown", "UserKnownHostsFile /dev/null")
    monkeypatch.setenv("PATH", path)
    error = await fault_of(sshd.url(host))
    assert "Host key verification failed" in error.message
    assert "ssh-keyscan" in error.advice


async def test_changed_host_key(sshd, host, monkeypatch):
    other = sshd.new_key("other-host").with_suffix(".pub").read_text().split()
    known = sshd.directory / "changed_hosts"
    known.write_text(f"[127.0.0.1]:{sshd.port} {other[0]} {other[1]}\n")
    monkeypatch.setenv("PATH", sshd.client("changed", f"UserKnownHostsFile {known}"))
    error = await fault_of(sshd.url(host))
    assert "Host key verification failed" in error.message
    assert f"ssh-keygen -R '[127.0.0.1]:{sshd.port}'" in error.advice


async def test_no_such_socket(sshd):
    error = await fault_of(sshd.url("/run/nosuch.sock"))
    assert "no engine answers at /run/nosuch.sock there. ssh: channel" in error.message
    assert "podman.sock" in error.advice


async def test_no_server(sshd):
    error = await fault_of("ssh://127.0.0.1:1/x.sock")
    assert "ssh: connect to host 127.0.0.1 port 1: Connection refused" in error.message
    assert "`ssh -p 1 -v 127.0.0.1`" in error.advice


async def test_no_ssh(sshd, host, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "openssh-client" in (await fault_of(sshd.url(host))).advice


async def test_forwarding_forbidden(sshd, host):
    """The server's administrator may have forbidden it; a key's options do the same."""
    keys = sshd.directory / "authorized_keys"
    before = keys.read_text()
    keys.write_text(f"no-port-forwarding {before}")
    try:
        error = await fault_of(sshd.url(host))
    finally:
        keys.write_text(before)
    assert "no engine answers at" in error.message
    assert "AllowStreamLocalForwarding" in error.advice


async def test_the_engine_goes_and_comes_again(sshd, host):
    socket = sshd.directory / "engine.sock"
    socket.symlink_to(host.removeprefix("unix://"))
    async with EngineClient(parse_host(sshd.url(str(socket)), source="the test")) as client:
        await client.ping()
        pid = ssh_pid(client)
        # Pooled connections live as long as the engine.
        client._api.close()
        socket.unlink()
        with pytest.raises(EngineUnavailable, match="no engine answers at /"):
            await client.ping()
        assert not await client.answers()
        socket.symlink_to(host.removeprefix("unix://"))
        assert await client.answers()
        assert ssh_pid(client) == pid
