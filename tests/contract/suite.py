"""The contract of ``backend.protocol``, as tests that every backend passes.

A backend's test module makes a class of :class:`ExecContract` and a fixture ``site``. The container
needs ``sh``, ``cat``, ``sleep``, ``kill`` and ``stty``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dexec_kernel.backend.models import (
    ConsoleSize,
    ExecConfig,
    ExecInspect,
    ExecState,
    Stream,
)
from dexec_kernel.backend.protocol import Engine, Exec
from dexec_kernel.backend.targets import find_container
from dexec_kernel.errors import (
    CommandNotStarted,
    ConfigurationError,
    ContainerNotFound,
    EngineApiError,
)

#: In seconds: nothing that works takes as long.
GUARD = 60.0


@dataclass(frozen=True)
class Abilities:
    """What a backend can do that the contract leaves open.

    ``host_pid``: it tells a PID on the engine's host. ``users``: an exec has a user. ``ends``: it
    tells the end of an exec whose connection was closed. ``cuts``: the stream ends although a
    process in the background holds it. ``half_closes``: stdin ends while output goes on.
    """

    host_pid: bool = True
    users: bool = True
    ends: bool = True
    cuts: bool = True
    half_closes: bool = True


@dataclass(frozen=True)
class Site:
    """A backend, and a container that runs in it."""

    backend: Engine
    container: str
    can: Abilities = field(default_factory=Abilities)


def sh(script: str, **options: object) -> ExecConfig:
    return ExecConfig(["sh", "-c", script], **options)  # type: ignore[arg-type] # a test's


async def read_until(attached: Exec, is_enough: Callable[[bytes], bool]) -> bytes:
    """Return stdout, as soon as ``is_enough`` says so, or at the end of the stream."""
    output = b""
    while not is_enough(output) and (frames := await attached.read()):
        output += b"".join(frame.data for frame in frames if frame.stream is Stream.STDOUT)
    return output


async def read_all(attached: Exec) -> tuple[bytes, bytes]:
    """Return stdout and stderr to the end of the stream."""
    found = {Stream.STDOUT: b"", Stream.STDERR: b""}
    while frames := await attached.read():
        for frame in frames:
            found[frame.stream] += frame.data
    return found[Stream.STDOUT], found[Stream.STDERR]


async def is_running(attached: Exec) -> bool:
    return (await attached.inspect()).state is ExecState.RUNNING


async def signal_group(site: Site, leader: str, name: str) -> None:
    """Signal a process group as cells do: from a second exec, by the PID in the container."""
    attached = await site.backend.exec(site.container, sh(f"kill -{name} -{leader}"))
    try:
        await read_all(attached)
        assert (await attached.wait()).exit_code == 0
    finally:
        attached.close()


@pytest.fixture(autouse=True)
async def guard():
    """Fail instead of hanging. A timeout around ``yield`` would not do: a test is another task."""

    def end() -> None:
        for task in asyncio.all_tasks():
            task.cancel(f"still running after {GUARD:g} s")

    timer = asyncio.get_running_loop().call_later(GUARD, end)
    yield
    timer.cancel()


class ExecContract:
    """The tests for every backend. ``site`` is a fixture of the module that has the class."""

    @pytest.fixture
    async def start(self, site):
        """Return a function that starts an exec, which is closed after the test."""
        started: list[Exec] = []

        async def begin(config: ExecConfig) -> Exec:
            started.append(await site.backend.exec(site.container, config))
            return started[-1]

        yield begin
        for attached in started:
            attached.close()

    async def test_output_comes_on_its_stream_and_the_exit_code_after_it(self, start):
        attached = await start(sh("echo out; echo err >&2; exit 7"))
        assert await read_all(attached) == (b"out\n", b"err\n")
        assert await attached.read() == []
        found = await attached.wait()
        assert (found.exec_id, found.state, found.exit_code) == (attached.id, ExecState.EXITED, 7)
        assert attached.why_not_started(found, b"out\nerr\n") is None
        assert await attached.inspect() == found

    async def test_large_output_is_whole(self, start):
        attached = await start(sh("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done"))
        out, _ = await read_all(attached)
        assert out == b"".join(b"%d\n" % number for number in range(20_000))
        assert (await attached.wait()).exit_code == 0

    async def test_a_signal_is_an_exit_code_above_128(self, start):
        attached = await start(sh("kill -KILL $$"))
        await read_all(attached)
        assert (await attached.wait()).exit_code == 128 + 9

    async def test_stdin_is_written_and_half_closed(self, site, start):
        attached = await start(ExecConfig(["cat"], attach_stdin=True))
        assert attached.upgraded
        await attached.write(b"one\n")
        assert await read_until(attached, lambda out: out.endswith(b"\n")) == b"one\n"
        await attached.write(b"two\n")
        assert attached.half_closes is site.can.half_closes
        if not attached.half_closes:
            with pytest.raises(EngineApiError):
                await attached.close_write()
            return
        await attached.close_write()
        assert await read_all(attached) == (b"two\n", b"")
        assert (await attached.wait()).exit_code == 0

    async def test_without_stdin_there_is_end_of_file_at_once(self, start):
        attached = await start(ExecConfig(["cat"]))
        assert await read_all(attached) == (b"", b"")
        assert (await attached.wait()).exit_code == 0

    async def test_a_large_stdin_arrives_whole_while_output_is_read(self, start):
        attached = await start(ExecConfig(["cat"], attach_stdin=True))
        data = bytes(range(256)) * 8_000
        sending = asyncio.create_task(attached.write(data))
        out = await read_until(attached, lambda out: len(out) >= len(data))
        await sending
        assert out == data

    async def test_inspect_of_a_running_exec_has_its_pid(self, site, start):
        attached = await start(sh("echo; read -r line", attach_stdin=True))
        await read_until(attached, lambda out: out == b"\n")
        assert attached.tells_pid is site.can.host_pid
        while (found := await attached.inspect()).pid is None and attached.tells_pid:  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0.01)
        assert (found.state, found.exit_code) == (ExecState.RUNNING, None)
        assert attached.pid == found.pid
        assert not attached.tells_pid or found.pid > 1
        await attached.write(b"\n")
        await read_all(attached)
        assert (await attached.wait()).state is ExecState.EXITED

    async def test_the_process_leads_a_group_that_a_second_exec_signals(self, site, start):
        # A trap waits for the command in the foreground, which may have begun after the signal.
        script = "trap 'echo got; exit 3' INT; echo $$; while :; do sleep 0.05; done"
        attached = await start(sh(script))
        pid = await read_until(attached, lambda out: out.endswith(b"\n"))
        await signal_group(site, pid.decode().strip(), "INT")
        assert (await read_all(attached))[0] == b"got\n"
        assert (await attached.wait()).exit_code == 3

    async def test_close_does_not_end_the_process(self, site, start):
        attached = await start(sh("trap '' HUP PIPE; echo $$; while :; do sleep 1; done"))
        pid = await read_until(attached, lambda out: out.endswith(b"\n"))
        attached.close()
        attached.close()
        assert await attached.read() == []
        assert await is_running(attached)
        await signal_group(site, pid.decode().strip(), "KILL")
        while site.can.ends and await is_running(attached):  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0.01)
        assert (await attached.inspect()).exit_code == (128 + 9 if site.can.ends else None)

    async def test_close_gives_a_reader_of_stdin_end_of_file(self, start):
        path = f"/tmp/dexec-{secrets.token_hex(8)}"
        attached = await start(
            sh(f"cat; echo over >{path}.new; mv {path}.new {path}", attach_stdin=True)
        )
        attached.close()
        assert await self._written(start, path) == "over\n"

    async def test_close_ends_a_waiting_reader(self, start):
        attached = await start(ExecConfig(["cat"], attach_stdin=True))
        reading = asyncio.create_task(attached.read())
        await asyncio.sleep(0)
        attached.close()
        assert await reading == []

    async def test_a_reader_that_is_cancelled_loses_nothing(self, start):
        attached = await start(ExecConfig(["cat"], attach_stdin=True))
        reading = asyncio.create_task(attached.read())
        await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await attached.write(b"kept\n")
        assert await read_until(attached, lambda out: out.endswith(b"\n")) == b"kept\n"

    async def test_a_tty_is_one_stream_of_its_size(self, start):
        script = "stty -echo; echo ready; while read line; do stty size; done; echo err >&2"
        attached = await start(sh(script, attach_stdin=True, tty=True))
        await read_until(attached, lambda out: out.endswith(b"ready\r\n"))
        await attached.resize(ConsoleSize(rows=33, columns=77))
        size = b""
        while size != b"33 77\r\n":  # Podman answers before the terminal has its new size.
            await attached.write(b"\n")
            size = await read_until(attached, lambda out: out.endswith(b"\n"))
            assert size, "the stream has ended"
        await attached.close_write()
        assert await read_all(attached) == (b"err\r\n", b"")
        assert (await attached.wait()).exit_code == 0

    async def test_ctrl_c_in_a_tty_is_sigint_and_half_close_is_ctrl_d(self, start):
        # A shell that has just waited for a program takes a SIGINT for the program's.
        script = "cat; echo over; exec sleep 600"
        attached = await start(sh(script, attach_stdin=True, tty=True))
        await attached.write(b"x\n")
        await read_until(attached, lambda out: out.count(b"x") == 2)
        await attached.close_write()
        await read_until(attached, lambda out: b"over" in out)
        await attached.write(b"\x03")
        await read_all(attached)
        assert (await attached.wait()).exit_code == 128 + 2

    async def test_a_size_that_cannot_be_set_is_refused(self, start):
        attached = await start(sh(":"))
        await read_all(attached)
        await attached.wait()
        with pytest.raises(EngineApiError):
            await attached.resize(ConsoleSize(1, 1))

    async def test_environment_and_folder_are_those_asked_for(self, start):
        attached = await start(sh('echo "$A $PWD"', env={"A": "é=1"}, working_dir="/tmp"))
        assert await read_all(attached) == ("é=1 /tmp\n".encode(), b"")

    async def test_a_background_process_does_not_keep_the_exec(self, site, start):
        attached = await start(sh("sleep 600 & echo $!"))
        if site.can.cuts:
            out, _ = await read_all(attached)
            assert (await attached.wait()).exit_code == 0
        else:
            out = await read_until(attached, lambda out: out.endswith(b"\n"))
        end = await start(sh(f"kill -KILL {out.decode().strip()}"))
        await read_all(end)
        if not site.can.cuts:
            await read_all(attached)
            assert (await attached.wait()).exit_code == 0

    async def test_the_id_is_known_before_the_start(self, site):
        ids: list[str] = []
        attached = await site.backend.exec(site.container, sh(":"), created=ids.append)
        assert ids == [attached.id]
        await read_all(attached)
        attached.close()

    @pytest.mark.parametrize("is_detached", [False, True], ids=["attached", "detached"])
    @pytest.mark.parametrize(
        ("config", "reason", "missing"),
        [
            (ExecConfig(["no-such-command"]), "no command", True),
            (ExecConfig(["/etc/passwd"]), "may not be executed", False),
            (sh(":", working_dir="/no/such"), "working directory", False),
            (sh(":", user="no-such-user"), "no such user", False),
        ],
        ids=["missing", "denied", "folder", "user"],
    )
    async def test_what_cannot_be_started_says_why(
        self, site, config, reason, missing, is_detached
    ):
        if config.user and not site.can.users:
            execute = site.backend.exec_detached if is_detached else site.backend.exec
            with pytest.raises(ConfigurationError):
                await execute(site.container, config)
            return
        if is_detached:
            with pytest.raises(CommandNotStarted) as caught:
                await site.backend.exec_detached(site.container, config)
            error = caught.value
        else:
            error = await failed_start(site, config)
        assert reason in error.message
        assert error.missing_command is missing
        assert error.bad_folder is (reason == "working directory")
        assert error.exit_code in {126, 127, None}

    async def test_a_detached_command_runs_on_with_its_folder_and_variables(self, site, start):
        path = f"/tmp/dexec-{secrets.token_hex(8)}"
        script = f'echo "$$ $A $PWD" >{path}.new; mv {path}.new {path}; exec sleep 600'
        ids: list[str] = []
        found = await site.backend.exec_detached(
            site.container, sh(script, env={"A": "é=1"}, working_dir="/tmp"), created=ids.append
        )
        assert ids == [found.exec_id]
        assert (found.state, found.exit_code) == (ExecState.RUNNING, None)
        assert not site.can.host_pid or (found.pid or 0) > 1
        pid, *rest = (await self._written(start, path)).split()
        assert rest == ["é=1", "/tmp"]
        await signal_group(site, pid, "KILL")

    async def test_a_detached_command_has_no_streams(self, start, site):
        path = f"/tmp/dexec-{secrets.token_hex(8)}"
        script = f"cat; echo out; test -t 0 || test -t 1 || echo none >{path}.new"
        config = sh(f"{script}; mv {path}.new {path}", attach_stdin=True, tty=True)
        await site.backend.exec_detached(site.container, config)
        assert await self._written(start, path) == "none\n"

    async def _written(self, start, path: str) -> str:
        """Wait until a file is there; return its text, and remove it."""
        script = f"until [ -e {path} ]; do sleep 0.05; done; cat {path}; rm {path}"
        attached = await start(sh(script))
        return (await read_all(attached))[0].decode()

    async def test_what_no_backend_executes_is_refused_before(self, site):
        for config in (ExecConfig([]), ExecConfig(["a\0b"]), ExecConfig(["x" * 131_072])):
            for execute in (site.backend.exec, site.backend.exec_detached):
                with pytest.raises(ConfigurationError):
                    await execute(site.container, config)

    async def test_a_container_that_is_not_there_is_not_found(self, site):
        for execute in (site.backend.exec, site.backend.exec_detached):
            with pytest.raises(ContainerNotFound):
                await execute(f"{site.container}-no-such", sh(":"))
        with pytest.raises(ContainerNotFound):
            await site.backend.container_inspect(f"{site.container}-no-such")

    async def test_the_container_is_listed_found_and_inspected(self, site):
        found = await find_container(site.backend, site.container)
        assert found.running
        assert not found.paused
        listed = await site.backend.container_list()
        assert (found.id, found.name) in {(item.id, item.name) for item in listed}
        assert not await site.backend.container_oom_since(found.id, 0.0)


async def failed_start(site: Site, config: ExecConfig) -> CommandNotStarted:
    """Return the error of a start that fails: raised at once, or read from the stream."""
    try:
        attached = await site.backend.exec(site.container, config)
    except CommandNotStarted as error:
        return error
    printed = b""
    try:
        while frames := await attached.read():
            printed += b"".join(frame.data for frame in frames)
        found: ExecInspect = await attached.wait()
        error = attached.why_not_started(found, printed)
    finally:
        attached.close()
    assert error is not None, (found, printed)
    return error
