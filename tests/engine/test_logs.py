"""A container's log and its processes, from Docker and Podman."""

from __future__ import annotations

import asyncio
import time

import pytest

from devtools import containers
from dexec_kernel.backend.models import Stream
from dexec_kernel.errors import ContainerNotFound, ContainerNotRunning
from tests.waiting import GUARD, until_seen, waiting

LINES = "for i in 1 2 3; do echo out $i; done; echo oh >&2; sleep .2; echo last"


def speaker(place, script: str, **options) -> str:
    return place.run(cmd=["sh", "-c", f"{script}\nexec sleep 2147483647"], **options)


async def read(place, name: str, **options) -> dict[Stream, bytes]:
    found = dict.fromkeys((Stream.STDOUT, Stream.STDERR), b"")
    async with await place.client.container_logs(name, **options) as connection:
        async for frame in connection:
            found[frame.stream] += frame.data
    return found


async def settled(place, name: str, end: bytes, **options) -> dict[Stream, bytes]:
    async def ended() -> dict[Stream, bytes] | None:
        found = await read(place, name, **options)
        return found if found[Stream.STDOUT].endswith(end) else None

    found = await until_seen(ended)
    assert found is not None
    return found


async def test_both_streams_a_tail_and_a_time(place):
    name = speaker(place, LINES)
    found = await settled(place, name, b"last\n")
    assert found == {Stream.STDOUT: b"out 1\nout 2\nout 3\nlast\n", Stream.STDERR: b"oh\n"}
    assert (await read(place, name, tail=1))[Stream.STDOUT] == b"last\n"
    assert not any((await read(place, name, tail=0)).values())
    assert await read(place, name, since=int(time.time()) - 600) == found
    assert not any((await read(place, name, since=int(time.time()) + 600)).values())


async def test_a_tty_has_no_frames(place):
    name = speaker(place, "echo out; echo oh >&2", tty=True)
    assert (await place.client.container_inspect(name)).tty
    found = await settled(place, name, b"oh\r\n", tty=True)
    assert found == {Stream.STDOUT: b"out\r\noh\r\n", Stream.STDERR: b""}


async def test_following_goes_on_until_it_is_closed(place):
    name = speaker(place, "while sleep .1; do echo tick; done")
    connection = await place.client.container_logs(name, follow=True)
    text = b""
    async with asyncio.timeout(GUARD):
        while text.count(b"tick\n") < 5:
            text += b"".join(frame.data for frame in await connection.read())
    reading = await waiting(asyncio.create_task(_drain(connection)))
    connection.close()
    async with asyncio.timeout(GUARD):
        await reading


async def _drain(connection) -> None:
    while await connection.read():
        pass


async def test_following_a_silent_log_waits_and_can_be_given_up(place):
    # Podman does not even answer before there is a line.
    following = await waiting(asyncio.create_task(_follow(place.client, place.container)))
    following.cancel()
    async with asyncio.timeout(GUARD):
        await asyncio.gather(following, return_exceptions=True)
    assert following.cancelled()


async def _follow(client, name: str) -> None:
    async with await client.container_logs(name, follow=True) as connection:
        await connection.read()


async def test_no_such_container(place):
    with pytest.raises(ContainerNotFound, match="nowhere"):
        await place.client.container_logs("nowhere")
    with pytest.raises(ContainerNotFound, match="nowhere"):
        await place.client.container_top("nowhere")


async def test_processes(place):
    name = place.run(cmd=["sleep", "2147483647"])
    top = await place.client.container_top(name)
    assert {"PID", "PPID"} <= set(top.titles)
    assert ("HPID" in top.titles) is place.is_podman

    async def has_its_command() -> bool:
        # A process that has just been started has the name of its program in brackets.
        [row] = (await place.client.container_top(name)).processes
        return row[-1] == "sleep 2147483647"

    await until_seen(has_its_command)
    [pid] = (row[top.titles.index("HPID" if place.is_podman else "PID")] for row in top.processes)
    assert await place.client.container_process_names(name) == {pid: "sleep"}
    containers.stop(place.host, name)
    with pytest.raises(ContainerNotRunning):
        await place.client.container_top(name)
