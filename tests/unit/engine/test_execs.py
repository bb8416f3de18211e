"""An exec from create to inspected, against an engine that answers as it likes."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.models import ConsoleSize, ExecConfig, ExecState
from dexec_kernel.errors import CommandNotStarted, EngineApiError, ExecNotFound
from tests.unit.support.fake_engine import FakeEngine, answer, hang_up
from tests.unit.support.wire import SWITCHED, out

CONFIG = ExecConfig(["nope", "x"])
EXITED = {"ID": "e1", "ContainerID": "c1", "Running": False, "ExitCode": 3, "Pid": 7}
NOT_STARTED = {**EXITED, "ExitCode": 127, "Pid": 0}
REPORT = b'OCI runtime exec failed: exec: "nope": executable file not found in $PATH\r\n'


@pytest.fixture
def engine(engine: FakeEngine) -> FakeEngine:
    engine.on("POST /v1.41/containers/web/exec", answer(201, {"Id": "e1"}))
    engine.on("POST /v1.41/exec/e1/resize", answer(200, b""))
    engine.on("POST /v1.41/exec/e1/start", hang_up(SWITCHED + out(b"text")))
    engine.on("GET /v1.41/exec/e1/json", answer(200, EXITED))
    return engine


async def test_an_exec_is_created_attached_and_inspected(engine, client):
    ids = []
    async with await client.exec("web", CONFIG, created=ids.append) as attached:
        assert ids == [attached.id] == ["e1"]
        assert attached.upgraded
        assert attached.pid is None
        assert [frame.data async for frame in attached] == [b"text"]
        await attached.resize(ConsoleSize(24, 80))
        found = await attached.wait()
        assert (found.state, found.exit_code) == (ExecState.EXITED, 3)
        assert attached.pid == 7
        assert await attached.inspect() == found
        assert attached.why_not_started(found, b"text") is None


async def test_its_id_is_known_before_it_is_started(engine, client):
    engine.on("POST /v1.41/exec/e1/start", answer(404, {"message": "No such exec instance"}))
    ids = []
    with pytest.raises(ExecNotFound):
        await client.exec("web", CONFIG, created=ids.append)
    assert ids == ["e1"]


async def test_a_report_in_the_stream_says_why_it_was_not_started(engine, client):
    engine.on("POST /v1.41/exec/e1/start", hang_up(SWITCHED + out(REPORT)))
    engine.on("GET /v1.41/exec/e1/json", answer(200, NOT_STARTED))
    async with await client.exec("web", CONFIG) as attached:
        printed = b"".join([frame.data async for frame in attached])
        error = attached.why_not_started(await attached.wait(), printed)
    assert error is not None
    assert "no command 'nope'" in error.message
    assert error.missing_command


async def test_user_that_podman_looks_up_at_the_start(engine, client):
    message = {"message": "unable to find user nope: no matching entries in passwd file"}
    engine.on("POST /v1.41/exec/e1/start", answer(500, message))
    with pytest.raises(CommandNotStarted, match="no such user"):
        await client.exec("web", CONFIG)


async def test_another_refusal_is_what_it_is(engine, client):
    engine.on("POST /v1.41/exec/e1/start", answer(500, {"message": "no space left on device"}))
    with pytest.raises(EngineApiError, match="no space"):
        await client.exec("web", CONFIG)


REFUSED = {"message": 'OCI runtime exec failed: exec: "nope": executable file not found in $PATH'}


async def test_a_detached_command_is_started_without_streams(engine, client):
    engine.on("POST /v1.41/exec/e1/start", answer(200, b""))
    engine.on("GET /v1.41/exec/e1/json", answer(200, {**EXITED, "Running": True}))
    ids = []
    config = ExecConfig(["sleep", "60"], attach_stdin=True, tty=True)
    found = await client.exec_detached("web", config, created=ids.append)
    assert (found.exec_id, found.state, found.pid) == ("e1", ExecState.RUNNING, 7)
    assert ids == ["e1"]
    by_path = {request.path.rpartition("/")[2]: request for request in engine.requests}
    assert by_path["start"].json == {"Detach": True, "Tty": False}
    created = by_path["exec"].json
    assert not any(created[f"Attach{name}"] for name in ("Stdin", "Stdout", "Stderr"))
    assert not created["Tty"]


@pytest.mark.parametrize("status", [400, 500])
async def test_a_detached_command_that_cannot_be_started_says_why(engine, client, status):
    engine.on("POST /v1.41/exec/e1/start", answer(status, REFUSED))
    with pytest.raises(CommandNotStarted, match="no command 'nope'") as caught:
        await client.exec_detached("web", CONFIG)
    assert caught.value.missing_command
    assert caught.value.engine_text == REFUSED["message"]


@pytest.mark.parametrize(
    ("status", "message"), [(500, "no space left on device"), (403, "OCI runtime: forbidden")]
)
async def test_another_refusal_of_a_detached_start_is_the_engine_s(engine, client, status, message):
    engine.on("POST /v1.41/exec/e1/start", answer(status, {"message": message}))
    with pytest.raises(EngineApiError, match=message):
        await client.exec_detached("web", CONFIG)


async def test_a_detached_command_was_started_even_if_it_cannot_be_looked_at(engine, client):
    engine.on("POST /v1.41/exec/e1/start", answer(200, b""))
    engine.on("GET /v1.41/exec/e1/json", answer(404, {"message": "No such exec instance"}))
    found = await client.exec_detached("web", CONFIG)
    assert (found.state, found.pid, found.exit_code) == (ExecState.RUNNING, None, None)
