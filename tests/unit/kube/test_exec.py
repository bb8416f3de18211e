"""An exec in a pod, over a stream in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dexec_kernel.backend.models import ConsoleSize, ExecState, Frame, Stream
from dexec_kernel.errors import (
    ContainerNotRunning,
    EngineApiError,
    ExecLost,
    StreamCutOff,
    StreamFault,
)
from dexec_kernel.kube.boot import Boot
from dexec_kernel.kube.exec import Facts, KubeExec
from dexec_kernel.kube.wire import Version
from tests.unit.kube.test_wire import PING, PONG, SUCCESS, exit_status, failure, sent, ws
from tests.unit.support.memory_stream import MemoryStream

MARK = "dexec:mark:"
STARTED = ws(b"\2dexec:mark:start 42dexec:mark:")
CLOSE = ws(b"\x03\xe8", 8)


class Pod:
    """Makes execs whose streams are given, and says whether a process is alive."""

    def __init__(self) -> None:
        self.is_alive: bool | None = False
        self.asked: list[int | None] = []
        self.counted: list[int] = []
        self.stream = MemoryStream([])

    async def prove(self, pid: int | None) -> bool | None:
        self.asked.append(pid)
        return self.is_alive

    def exec(
        self,
        *pieces: bytes,
        version: Version = Version.V5,
        tty: bool = False,
        mark: str = MARK,
        lost: bool = False,
        command: Sequence[str] = ("sh",),
    ) -> KubeExec:
        self.stream = MemoryStream(pieces, lost=lost)
        return KubeExec(
            *(self.stream, version, Facts("kube-1", "kube:lab/web/main@1")),
            command=command,
            name="kube:lab/web",
            boot=Boot(["sh"], "program", mark),
            tty=tty,
            prove=self.prove,
            counted=self.counted.append,
        )


@pytest.fixture
def pod():
    return Pod()


async def read_all(attached: KubeExec) -> list[Frame]:
    found: list[Frame] = []
    while frames := await attached.read():
        found += frames
    return found


@pytest.mark.parametrize(
    ("numbers", "pid", "counted"),
    [(b"42 3", 42, [3]), (b"42 ", 42, []), (b"42 x", 42, []), (b"", None, []), (b"x 3", None, [3])],
)
async def test_the_program_tells_how_many_ran_out_of_memory_before(pod, numbers, pid, counted):
    word = ws(b"\2" + MARK.encode() + b"start " + numbers + MARK.encode())
    attached = pod.exec(word, ws(b"\3" + SUCCESS), CLOSE)
    assert await read_all(attached) == []
    assert (attached.inner_pid, pod.counted) == (pid, counted)


async def test_the_programs_word_is_taken_out_and_tells_the_pid(pod):
    word = STARTED + ws(b"\1out") + ws(b"\2err") + ws(b"\3" + exit_status("3")) + CLOSE
    for size in (1, 5, len(word)):
        attached = pod.exec(*(word[i : i + size] for i in range(0, len(word), size)))
        frames = await read_all(attached)
        said = {s: b"".join(f.data for f in frames if f.stream is s) for s in Stream}
        assert (said[Stream.STDOUT], said[Stream.STDERR]) == (b"out", b"err")
        found = await attached.wait()
        assert (found.state, found.exit_code, found.pid) == (ExecState.EXITED, 3, None)
        assert attached.inner_pid == 42
        assert await attached.read() == []
        attached.close()
        assert pod.asked == []


async def test_a_terminal_has_the_word_on_its_one_stream(pod):
    attached = pod.exec(ws(b"\1dexec:mark:start 7dexec:mark:x"), ws(b"\3" + SUCCESS), tty=True)
    assert await read_all(attached) == [Frame(Stream.STDOUT, b"x")]
    assert attached.inner_pid == 7
    attached.close()


async def test_output_that_overtakes_the_word_says_that_it_runs(pod):
    attached = pod.exec(ws(b"\1early"))
    assert (await attached.inspect()).state is ExecState.NOT_STARTED
    await attached.read()
    assert (await attached.inspect()).state is ExecState.RUNNING
    attached.close()


@pytest.mark.parametrize(
    ("is_alive", "word"), [(True, "still runs"), (None, "nothing proves"), (False, "")]
)
async def test_success_with_v5_is_no_proof(pod, is_alive, word):
    pod.is_alive = is_alive
    attached = pod.exec(STARTED, ws(b"\3" + SUCCESS))
    await read_all(attached)
    found = await attached.inspect()
    assert (found.exit_code, found.is_doubtful) == (0, True)
    if word:
        with pytest.raises(ExecLost, match=word):
            await attached.wait()
        assert (await attached.inspect()).exit_code is None
    else:
        found = await attached.wait()
        assert (found.exit_code, found.is_doubtful) == (0, False)
    assert pod.asked == [42]
    attached.close()


async def test_success_with_v4_and_an_exit_code_of_v5_are_believed(pod):
    for version, status in ((Version.V4, SUCCESS), (Version.V5, exit_status("1"))):
        attached = pod.exec(STARTED, ws(b"\3" + status), version=version)
        await read_all(attached)
        assert not (await attached.wait()).is_doubtful
        attached.close()
    assert pod.asked == []


@pytest.mark.parametrize("lost", [False, True])
async def test_a_connection_that_ends_without_a_status_is_cut_off(pod, lost):
    attached = pod.exec(STARTED, ws(b"\1out"), lost=lost)
    assert await attached.read() == [Frame(Stream.STDOUT, b"out")]
    with pytest.raises(StreamCutOff):
        await attached.read()
    with pytest.raises(ExecLost):
        await attached.wait()
    attached.close()


async def test_a_close_frame_without_a_status_is_cut_off(pod):
    attached = pod.exec(STARTED, CLOSE)
    with pytest.raises(StreamCutOff):
        await attached.read()
    attached.close()


@pytest.mark.parametrize(
    ("text", "missing", "bad_folder", "code"),
    [
        (
            'OCI runtime exec failed: exec: "x": executable file not found in $PATH',
            True,
            False,
            127,
        ),
        ("OCI runtime exec failed: chdir to cwd (/x): no such file or directory", False, True, 126),
        ('OCI runtime exec failed: exec: "/": permission denied', False, False, 126),
    ],
)
async def test_a_command_that_was_not_started_says_why(pod, text, missing, bad_folder, code):
    status = failure(reason="InternalError", details={"causes": [{"message": text}]})
    attached = pod.exec(ws(b"\3" + status), mark="")
    assert await read_all(attached) == []
    found = await attached.wait()
    error = attached.why_not_started(found, b"")
    assert error is not None
    assert (found.exit_code, error.missing_command, error.bad_folder) == (code, missing, bad_folder)
    attached.close()


async def test_a_shell_that_is_missing_is_not_called_the_command(pod):
    text = 'OCI runtime exec failed: exec: "sh": executable file not found in $PATH'
    status = failure(reason="InternalError", details={"causes": [{"message": text}]})
    attached = pod.exec(ws(b"\3" + status), command=["/app"])
    assert await read_all(attached) == []
    error = attached.why_not_started(await attached.wait(), b"")
    assert error is not None
    assert "no shell to set its folder and its variables" in error.message
    assert "/app" not in error.message
    attached.close()


@pytest.mark.parametrize(("word", "missing"), [("folder", False), ("command", True)])
async def test_a_program_that_cannot_go_on_says_why(pod, word, missing):
    said = f"dexec:mark:{word} dexec:mark:".encode()
    attached = pod.exec(ws(b"\2" + said), ws(b"\3" + exit_status("127")))
    assert await read_all(attached) == []
    error = attached.why_not_started(await attached.wait(), b"")
    assert error is not None
    assert (error.missing_command, error.bad_folder) == (missing, not missing)
    attached.close()


@pytest.mark.parametrize(
    "text",
    [
        'container not found ("main")',
        "failed to exec in container: failed to load task: no running task found: not found",
        'failed to exec in container: failed to create exec "9d": task 6ea5 not found: not found',
        "failed to exec in container: container is in CONTAINER_EXITED state",
        'failed to create exec "9d": cannot exec in a stopped state: unknown',
        'an error occurred when try to find container "6ea5": not found',
        "exec failed: cannot exec in a stopped container: unknown",
        "container is not created or running",
    ],
)
async def test_a_container_that_is_gone_and_a_fault_are_errors(pod, text):
    gone = failure(details={"causes": [{"message": text}]})
    attached = pod.exec(ws(b"\3" + gone))
    with pytest.raises(ContainerNotRunning):
        await attached.read()
    attached = pod.exec(STARTED, ws(b"\3" + gone))
    with pytest.raises(StreamFault):
        await attached.read()
    attached.close()


async def test_a_command_without_a_program_runs_when_it_is_not_refused(pod):
    attached = pod.exec(mark="")
    assert (await attached.inspect()).state is ExecState.NOT_STARTED
    await asyncio.sleep(1.1)
    assert (await attached.inspect()).state is ExecState.RUNNING
    attached.close()


async def test_a_sign_of_life_is_sent_and_a_ping_answered(pod):
    attached = pod.exec(ws(b"?", PING), STARTED, ws(b"\1x"))
    await attached.read()
    assert sent(pod.stream.sent) == [(PONG, b"?")]
    await asyncio.sleep(31)
    assert sent(pod.stream.sent)[1:] == [(2, b"\0"), (2, b"\0")]
    attached.close()
    await asyncio.sleep(100)
    assert len(sent(pod.stream.sent)) == 3


async def test_stdin_its_end_and_a_size(pod):
    attached = pod.exec(version=Version.V5)
    await attached.write(b"in")
    await attached.close_write()
    with pytest.raises(EngineApiError):
        await attached.resize(ConsoleSize(1, 1))
    assert sent(pod.stream.sent) == [(2, b"\0in"), (2, b"\xff\0")]
    attached.close()
    attached = pod.exec(version=Version.V4)
    assert not attached.half_closes
    with pytest.raises(EngineApiError):
        await attached.close_write()
    attached.close()
    attached = pod.exec(version=Version.V4, tty=True)
    assert attached.half_closes
    await attached.close_write()
    await attached.resize(ConsoleSize(rows=2, columns=3))
    assert sent(pod.stream.sent) == [(2, b"\0\4"), (2, b'\4{"Width": 3, "Height": 2}')]
    attached.close()


async def test_a_closed_exec_reads_nothing_and_tells_its_owners(pod):
    attached = pod.exec(STARTED, ws(b"\1x"))
    told: list[str] = []
    attached.on_close(lambda: told.append("closed"))
    attached.close()
    attached.close()
    assert await attached.read() == []
    assert (told, pod.stream.closed) == (["closed"], 1)
