"""An engine within a policy: no verb passes anything on that the policy refuses."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest

from dexec_kernel.backend.models import ContainerInspect, ContainerSummary, ExecConfig
from dexec_kernel.backend.protocol import WholeEngine
from dexec_kernel.backend.targets import find_container
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.errors import ContainerNotFound, NotChosenError, PolicyRefused
from dexec_kernel.policy.engine import Home, PolicedEngine, policed
from dexec_kernel.policy.rules import Files, Policy

LAB = ContainerInspect("1" * 64, "lab", "img", True, False, False, "student", "", {})  # noqa: FBT003
WEB = replace(LAB, id="2" * 64, name="web", user="")
DB = replace(
    LAB,
    id="3" * 64,
    name="x-db-1",
    labels={"com.docker.compose.project": "x", "com.docker.compose.service": "db"},
)


class Engine:
    """Knows some containers, and notes every other call that reaches it."""

    url = "unix:///engine"
    is_remote = False

    def __init__(self, *containers: ContainerInspect) -> None:
        self.containers = list(containers)
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.looks: list[str] = []

    async def container_inspect(self, name: str) -> ContainerInspect:
        self.looks.append(name)
        for item in self.containers:
            if name in {item.name, item.id} or (len(name) > 1 and item.id.startswith(name)):
                return item
        raise ContainerNotFound.of(name)

    async def container_list(self, *, all: bool = False, filters=None):  # noqa: A002
        wanted = [label.split("=") for label in (filters or {}).get("label", [])]
        return [
            ContainerSummary(item.id, item.name, item.image, "running", "Up", item.labels)
            for item in self.containers
            if not [key for key, value in wanted if item.labels.get(key) != value]
        ]

    def __getattr__(self, verb: str):
        async def call(*arguments: Any, **_named: Any) -> str:
            self.calls.append((verb, arguments))
            return verb

        return call


async def content():
    yield b""


COMMAND = ExecConfig(["true"])
#: Every verb that names a container, by its name.
VERBS = {
    "container_inspect": lambda e, name: e.container_inspect(name),
    "exec": lambda e, name: e.exec(name, COMMAND),
    "exec_detached": lambda e, name: e.exec_detached(name, COMMAND),
    "container_oom_since": lambda e, name: e.container_oom_since(name, 0.0),
    "container_top": lambda e, name: e.container_top(name),
    "container_process_names": lambda e, name: e.container_process_names(name),
    "container_restart": lambda e, name: e.container_restart(name),
    "container_logs": lambda e, name: e.container_logs(name),
    "container_attach_ws": lambda e, name: e.container_attach_ws(name),
    "container_stat_path": lambda e, name: e.container_stat_path(name, "/"),
    "copy_from_container": lambda e, name: e.copy_from_container(name, "/"),
    "copy_to_container": lambda e, name: e.copy_to_container(name, "/", content()),
}
#: The verbs that name none.
OTHERS = {
    "is_remote",
    *("url", "aclose", "answers", "ping", "api_version", "container_list"),
    *("container_exec_inspect", "attaching_ends_stdin"),
}


async def refused(work) -> str:
    with pytest.raises(PolicyRefused) as caught:
        await work
    return caught.value.setting


def test_every_verb_of_the_contract_is_there_and_has_the_same_parameters():
    verbs = {name for kind in WholeEngine.__mro__ for name in vars(kind) if name[0] != "_"}
    assert verbs == OTHERS | VERBS.keys()
    assert {name for name in vars(PolicedEngine) if name[0] != "_"} == verbs | {"permits"}
    for verb in verbs - {"url", "is_remote"}:
        ours, theirs = (
            list(inspect.signature(getattr(kind, verb)).parameters)
            for kind in (PolicedEngine, EngineClient)
        )
        assert ours == theirs


def test_without_a_policy_there_is_nothing_in_between():
    engine = Engine()
    assert policed(engine, Policy()) is engine
    assert isinstance(policed(engine, Policy(file="p")), PolicedEngine)


@pytest.mark.parametrize("verb", VERBS)
async def test_no_verb_reaches_another_container(verb):
    engine = Engine(LAB, WEB)
    guarded = PolicedEngine(engine, Policy(include=("lab",)), Home())
    for name in ("web", WEB.id, WEB.id[:12]):
        assert await refused(VERBS[verb](guarded, name)) == "containers.include"
    assert engine.calls == []
    await VERBS[verb](guarded, "lab")
    with pytest.raises(ContainerNotFound):
        await VERBS[verb](guarded, "gone")


@pytest.mark.parametrize("verb", VERBS)
async def test_no_verb_leaves_the_container_that_the_kernel_was_started_for(verb):
    engine = Engine(LAB, WEB)
    guarded = PolicedEngine(engine, Policy(switching=False), Home("lab"))
    assert await refused(VERBS[verb](guarded, "web")) == "containers.switching"
    assert engine.calls == []
    await VERBS[verb](guarded, LAB.id[:12])


async def test_the_first_container_that_is_used_is_the_one_to_stay_in():
    engine = Engine(LAB, WEB)
    home = Home()
    guarded = PolicedEngine(engine, Policy(switching=False), home)
    await guarded.container_inspect("web")
    await guarded.container_inspect("lab")
    await guarded.exec(LAB.id, COMMAND)
    for verb in VERBS.values():
        assert await refused(verb(guarded, WEB.id)) == "containers.switching"
    # Also for the client that comes after this one.
    other = PolicedEngine(engine, Policy(switching=False), home)
    assert await refused(other.exec("web", COMMAND)) == "containers.switching"
    assert [item.name for item in await other.container_list()] == ["lab"]


async def test_a_container_made_anew_is_the_same_one():
    engine = Engine(LAB, DB)
    guarded = PolicedEngine(engine, Policy(switching=False), Home("compose:x/db"))
    await guarded.exec(DB.id, COMMAND)
    engine.containers = [LAB, replace(DB, id="4" * 64, name="x-db-2")]
    found = await find_container(guarded, "compose:x/db")
    assert (await guarded.exec(found.id, COMMAND)) == "exec"
    assert await refused(guarded.exec("lab", COMMAND)) == "containers.switching"


async def test_a_home_that_is_gone_is_no_other_container():
    guarded = PolicedEngine(Engine(WEB), Policy(switching=False), Home("lab"))
    assert await refused(guarded.container_inspect("web")) == "containers.switching"
    with pytest.raises(ContainerNotFound):
        await guarded.container_inspect("lab")


async def test_a_list_has_what_may_be_used():
    guarded = PolicedEngine(Engine(LAB, WEB), Policy(exclude=("web",)), Home())
    assert [item.name for item in await guarded.container_list()] == ["lab"]
    assert (await find_container(guarded, "")).name == "lab"
    nothing = PolicedEngine(Engine(LAB, WEB), Policy(include=()), Home())
    with pytest.raises(NotChosenError):
        await find_container(nothing, "")


async def test_a_service_that_may_not_be_used_is_refused_and_not_unknown():
    guarded = PolicedEngine(Engine(LAB, DB), Policy(include=("lab",)), Home())
    assert await refused(find_container(guarded, "compose:x/db")) == "containers.include"
    with pytest.raises(ContainerNotFound):
        await find_container(guarded, "compose:x/web")
    stays = PolicedEngine(Engine(LAB, DB), Policy(switching=False), Home("lab"))
    await stays.exec("lab", COMMAND)
    assert await refused(find_container(stays, "compose:x/db")) == "containers.switching"


async def test_a_known_container_is_not_looked_at_again():
    engine = Engine(LAB)
    guarded = PolicedEngine(engine, Policy(file="p"), Home())
    await guarded.container_inspect("lab")
    await guarded.exec(LAB.id, COMMAND)
    assert engine.looks == ["lab"]


@pytest.mark.parametrize("verb", ["exec", "exec_detached"])
async def test_users_and_privileges(verb):
    engine = Engine(LAB, WEB)
    guarded = PolicedEngine(engine, Policy(users=("student",), privileged=False), Home())

    async def run(name: str, **options: Any) -> None:
        await getattr(guarded, verb)(name, replace(COMMAND, **options))

    await run("lab")
    await run("web", user="student")
    engine.calls.clear()
    assert await refused(run("web")) == "exec.users"
    assert await refused(run("lab", user="root")) == "exec.users"
    assert await refused(run("lab", privileged=True)) == "exec.privileged"
    assert engine.calls == []


async def test_a_label_gives_nobody_another_user():
    engine = Engine(replace(LAB, labels={"dexec.user": "root"}))
    guarded = PolicedEngine(engine, Policy(users=("@own",)), Home())
    found = await find_container(guarded, "lab")
    assert found.user == "root"
    config = COMMAND.with_defaults(found.exec_defaults)
    assert await refused(guarded.exec(found.id, config)) == "exec.users"
    await guarded.exec(found.id, COMMAND)


async def test_nothing_is_started_detached_where_cells_have_a_time_limit():
    guarded = PolicedEngine(Engine(LAB), Policy(timeout=5), Home())
    assert await refused(guarded.exec_detached("lab", COMMAND)) == "limits.timeout"


async def test_a_restart():
    guarded = PolicedEngine(Engine(LAB), Policy(restart=False), Home())
    assert await refused(guarded.container_restart("lab")) == "containers.restart"


async def test_lines_for_the_main_process_run_as_its_user():
    engine = Engine(LAB, WEB)
    guarded = PolicedEngine(engine, Policy(users=("student",)), Home())
    await guarded.container_attach_ws("web")
    await guarded.container_attach_ws("lab", stdin=True)
    assert await refused(guarded.container_attach_ws("web", stdin=True)) == "exec.users"


async def test_files():
    reads = PolicedEngine(Engine(LAB), Policy(container_files=Files.READ), Home())
    await reads.container_stat_path("lab", "/")
    await reads.copy_from_container("lab", "/")
    assert await refused(reads.copy_to_container("lab", "/", content())) == "files.container"
    student = PolicedEngine(Engine(LAB), Policy(users=("student",)), Home())
    assert await refused(student.copy_from_container("lab", "/etc/shadow")) == "exec.users"


async def test_what_names_no_container_is_passed_on():
    engine = Engine(LAB)
    guarded = PolicedEngine(engine, Policy(file="p"), Home())
    assert (guarded.url, guarded.is_remote) == ("unix:///engine", False)
    for verb in ("answers", "ping", "api_version", "aclose"):
        await getattr(guarded, verb)()
    await guarded.container_exec_inspect("e")
    await guarded.attaching_ends_stdin(LAB)
    assert [verb for verb, _ in engine.calls] == [
        *("answers", "ping", "api_version", "aclose"),
        *("container_exec_inspect", "attaching_ends_stdin"),
    ]


@pytest.mark.parametrize(("labels", "own"), [({"dexec.lab": "x"}, "student"), ({}, "root")])
async def test_a_lab_s_container_has_the_user_of_the_lab(labels, own):
    labelled = replace(LAB, user="0", labels={**labels, "dexec.user": "student"})
    engine = Engine(labelled)
    guarded = PolicedEngine(engine, Policy(users=("@own",)), Home())
    for user in ("student", "root"):
        config = ExecConfig(["true"], user=user)
        if user == own:
            await guarded.exec("lab", config)
        else:
            with pytest.raises(PolicyRefused):
                await guarded.exec("lab", config)
