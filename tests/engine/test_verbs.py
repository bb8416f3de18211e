"""The client's verbs against Docker and Podman, which answer them alike."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from devtools import LABEL, images
from dexec_kernel.backend.models import ConsoleSize, ExecConfig, ExecState, Stream
from dexec_kernel.errors import ContainerNotFound, EngineApiError, ExecLost
from tests.engine.execs import collect, execute
from tests.waiting import GUARD


async def test_ping_and_version(place):
    found = await place.client.ping()
    assert found.is_podman is place.is_podman
    assert found.os_type == "linux"
    assert await place.client.api_version() == found.api_version == "1.41"


# --- containers -----------------------------------------------------------------------------------


async def test_list_and_inspect_agree(place):
    (found,) = [c for c in await place.client.container_list() if c.name == place.container]
    looked = await place.client.container_inspect(place.container)
    assert looked.id == found.id
    assert looked.name == place.container
    assert found.state == "running"
    assert looked.running
    assert not looked.paused
    assert looked.image == found.image
    assert looked.image.endswith(images.BUSYBOX)
    assert looked.labels[LABEL] == found.labels[LABEL] == "1"
    assert (await place.client.container_inspect(found.id[:12])).id == found.id


async def test_list_with_filters(place):
    name = place.run(labels={"colour": "red"})
    for filters, expected in [
        ({"label": ["colour=red"]}, [name]),
        ({"label": ["colour=blue"]}, []),
        ({"name": [name]}, [name]),
    ]:
        found = await place.client.container_list(filters=filters)
        assert [container.name for container in found] == expected


async def test_restart(place):
    name = place.run()
    before = await place.client.container_inspect(name)
    await place.client.container_restart(name, stop_timeout=0)
    after = await place.client.container_inspect(name)
    assert (after.id, after.running) == (before.id, True)
    assert after.started_at > before.started_at
    with pytest.raises(ContainerNotFound):
        await place.client.container_restart("nowhere")


# --- the config of an exec ------------------------------------------------------------------------


async def test_environment(place):
    env = {"A": "1=2 é", "EMPTY": "", "B": " "}
    _, out, _ = await execute(place.client, place.container, "env", env=env)
    assert {"A=1=2 é", "EMPTY=", "B= "} <= set(out.splitlines())


async def test_working_directory(place):
    _, out, _ = await execute(place.client, place.container, "pwd", working_dir="/proc")
    assert out == "/proc\n"


@pytest.mark.parametrize(("user", "ids"), [("student", "1000:1000"), ("7:8", "7:8"), ("", "0:0")])
async def test_user(place, user, ids):
    script = 'echo "$(id -u):$(id -g)"'
    _, out, _ = await execute(place.client, place.container, "sh", "-c", script, user=user)
    assert out.strip() == ids


async def test_arguments_arrive_as_they_are(place):
    words = ["", "a b", "*", "$HOME", "é🐳", "\n", "x" * 131_000]
    _, out, _ = await execute(place.client, place.container, "printf", "[%s]", *words)
    assert out == "".join(f"[{word}]" for word in words)


async def test_detach_keys_that_there_are_and_that_there_are_not(place):
    found, _, _ = await execute(place.client, place.container, "true", detach_keys="ctrl-x,q")
    assert found.exit_code == 0
    with pytest.raises(EngineApiError, match=r"(?i)keys"):
        await execute(place.client, place.container, "true", detach_keys="foo-bar")


async def test_privileged(place):
    found, out, _ = await execute(place.client, place.container, "id", privileged=True)
    # This machine may give no more capabilities than it has; Podman gives those.
    assert found.exit_code == 0 or (found.start_failed and "caps" in out)


# --- streams --------------------------------------------------------------------------------------


async def test_stdout_and_stderr_are_told_apart(place):
    # Each is written when the one before has come.
    script = "echo out; read -r _; echo err >&2; read -r _; printf again; exit 3"
    config = ExecConfig(["sh", "-c", script], attach_stdin=True)
    exec_id = await place.client.container_exec_create(place.container, config)
    frames = []
    async with await place.client.container_exec_attach(exec_id) as connection:
        assert connection.upgraded
        async for frame in connection:
            frames.append((frame.stream, frame.data))
            if len(frames) < 3:
                await connection.write(b"\n")
    assert frames == [
        (Stream.STDOUT, b"out\n"),
        (Stream.STDERR, b"err\n"),
        (Stream.STDOUT, b"again"),
    ]
    found = await place.client.container_exec_wait(exec_id)
    assert (found.state, found.exit_code) == (ExecState.EXITED, 3)


@pytest.mark.parametrize(
    ("streams", "seen"), [((True, False), ("o", "")), ((False, True), ("", "e"))]
)
async def test_only_what_is_attached_is_seen(place, streams, seen):
    stdout, stderr = streams
    command = ("sh", "-c", "printf o; printf e >&2")
    options = {"attach_stdout": stdout, "attach_stderr": stderr}
    found, *output = await execute(place.client, place.container, *command, **options)
    assert (found.exit_code, *output) == (0, *seen)


async def test_eight_megabytes_there_and_back(place):
    """A process that echoes blocks unless both directions go on at once."""
    data = bytes(range(256)) * (8 * 1024 * 4)
    config = ExecConfig(["cat"], attach_stdin=True)
    exec_id = await place.client.container_exec_create(place.container, config)

    async def send() -> None:
        await connection.write(data)
        await connection.close_write()

    async with await place.client.container_exec_attach(exec_id) as connection:
        sending = asyncio.create_task(send())
        out, err = await asyncio.wait_for(collect(connection), GUARD)
        await sending
    assert hashlib.sha256(out).digest() == hashlib.sha256(data).digest()
    assert err == b""
    assert (await place.client.container_exec_wait(exec_id)).exit_code == 0


async def test_output_after_the_half_close_comes(place):
    config = ExecConfig(["sh", "-c", "cat >/dev/null; sleep 0.1; echo end"], attach_stdin=True)
    exec_id = await place.client.container_exec_create(place.container, config)
    async with await place.client.container_exec_attach(exec_id) as connection:
        await connection.write(b"x")
        await connection.close_write()
        assert await collect(connection) == (b"end\n", b"")


async def test_without_stdin_there_is_its_end(place):
    found, out, _ = await execute(place.client, place.container, "cat")
    assert (found.exit_code, out) == (0, "")


# --- Tty ------------------------------------------------------------------------------------------


async def test_tty_is_one_raw_stream_that_can_be_resized(place):
    script = "stty -echo; echo ready; while read -r _; do stty size; done; echo err >&2; exit 5"
    config = ExecConfig(["sh", "-c", script], attach_stdin=True, tty=True)
    exec_id = await place.client.container_exec_create(place.container, config)
    async with await place.client.container_exec_attach(exec_id, tty=True) as connection:
        assert b"ready\r\n" in await connection_until(connection, b"ready\r\n")
        await place.client.container_exec_resize(exec_id, ConsoleSize(rows=33, columns=77))
        size = b""
        async with asyncio.timeout(GUARD):
            while size != b"33 77\r\n":  # Podman answers before the terminal has its new size.
                await connection.write(b"\n")
                size = await connection_until(connection, b"\n")
        await connection.close_write()
        assert await collect(connection) == (b"err\r\n", b"")
    assert (await place.client.container_exec_wait(exec_id)).exit_code == 5
    with pytest.raises(EngineApiError):
        await place.client.container_exec_resize(exec_id, ConsoleSize(1, 1))


async def connection_until(connection, end: bytes) -> bytes:
    data = b""
    async with asyncio.timeout(GUARD):
        while not data.endswith(end):
            frames = await connection.read()
            assert frames, "the stream has ended"
            data += b"".join(frame.data for frame in frames)
    return data


async def test_control_c_on_a_tty(place):
    script = "stty -echo; echo ready; sleep 60000; echo not reached"
    config = ExecConfig(["sh", "-c", script], attach_stdin=True, tty=True)
    exec_id = await place.client.container_exec_create(place.container, config)
    async with await place.client.container_exec_attach(exec_id, tty=True) as connection:
        await connection_until(connection, b"ready\r\n")
        await connection.write(b"\x03")
        assert b"not reached" not in (await asyncio.wait_for(collect(connection), GUARD))[0]
    assert (await place.client.container_exec_wait(exec_id)).exit_code == 130


async def test_console_size_is_left_out_where_the_engine_does_not_know_it(place):
    size = ConsoleSize(11, 22)
    options = {"tty": True, "attach_stdin": True, "console_size": size}
    found, out, _ = await execute(place.client, place.container, "stty", "size", **options)
    assert found.exit_code == 0
    assert "11 22" not in out


# --- the life of an exec --------------------------------------------------------------------------


async def test_three_states(place):
    config = ExecConfig(["sh", "-c", "read -r _; exit 4"], attach_stdin=True)
    exec_id = await place.client.container_exec_create(place.container, config)
    found = await place.client.container_exec_inspect(exec_id)
    assert (found.state, found.pid, found.exit_code) == (ExecState.NOT_STARTED, None, None)
    async with await place.client.container_exec_attach(exec_id) as connection:
        async with asyncio.timeout(GUARD):
            while (found := await place.client.container_exec_inspect(exec_id)).pid is None:
                assert found.exit_code is None
        assert found.state is ExecState.RUNNING
        assert found.exit_code is None
        assert found.exec_id == exec_id
        await connection.close_write()
        await collect(connection)
    found = await place.client.container_exec_wait(exec_id)
    assert (found.state, found.exit_code) == (ExecState.EXITED, 4)
    looked = await place.client.container_inspect(place.container)
    assert found.container_id == looked.id


async def test_detached_start(place):
    config = ExecConfig(["sh", "-c", "sleep 0.1; exit 6"])
    exec_id = await place.client.container_exec_create(place.container, config)
    await place.client.container_exec_start(exec_id)
    if place.is_podman:
        # Podman 4 says for ever that it runs.
        with pytest.raises(ExecLost):
            await place.client.container_exec_wait(exec_id, timeout=0.3)
    else:
        found = await place.client.container_exec_wait(exec_id)
        assert (found.state, found.exit_code) == (ExecState.EXITED, 6)


async def test_exit_code_of_many_at_once(place):
    async def one(code: int) -> int | None:
        found, out, _ = await execute(
            place.client, place.container, "sh", "-c", f"echo {code}; exit {code}"
        )
        assert out == f"{code}\n"
        return found.exit_code

    assert await asyncio.gather(*map(one, range(8))) == list(range(8))
