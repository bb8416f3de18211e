"""Two engines as one."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.backend.routed import RoutedEngine
from dexec_kernel.errors import DexecError, EngineApiError, EngineUnavailable


class Client:
    """Notes the verbs that it is asked for."""

    def __init__(self, name: str) -> None:
        self.url = name
        self.is_remote = name == "engine"
        self.calls: list[tuple[str, object]] = []

    def __getattr__(self, verb):
        async def call(*arguments, **options):
            self.calls.append((verb, arguments[0] if arguments else None))
            return (self.url, options)

        return call


@pytest.fixture
def clients():
    return {"engine": Client("engine"), "cluster": Client("cluster")}


@pytest.fixture
def routed(clients):
    made = []

    def connect(name):
        async def connected():
            made.append(name)
            return clients[name]

        return connected

    engine = RoutedEngine(connect("engine"), connect("cluster"))
    engine.made = made  # type: ignore[attr-defined] # a test's
    return engine


async def test_a_name_says_where_a_verb_goes(routed, clients):
    for container, name in (("web", "engine"), ("kube:lab/web", "cluster"), ("kube", "engine")):
        verbs = [
            ("container_inspect", routed.container_inspect(container)),
            ("container_top", routed.container_top(container)),
            ("container_process_names", routed.container_process_names(container)),
            ("container_restart", routed.container_restart(container)),
            ("container_oom_since", routed.container_oom_since(container, 0.0)),
            ("exec", routed.exec(container, ExecConfig(["x"]))),
            ("exec_detached", routed.exec_detached(container, ExecConfig(["x"]))),
            ("container_logs", routed.container_logs(container)),
            ("container_attach_ws", routed.container_attach_ws(container)),
            ("container_stat_path", routed.container_stat_path(container, "/")),
            ("copy_from_container", routed.copy_from_container(container, "/")),
            ("copy_to_container", routed.copy_to_container(container, "/", None)),
        ]
        for verb, call in verbs:
            await call
            assert clients[name].calls[-1] == (verb, container)


async def test_verbs_without_a_container_are_the_engines(routed, clients):
    for call in (routed.ping(), routed.api_version(), routed.container_list()):
        await call
    assert [verb for verb, _ in clients["engine"].calls] == [
        "ping",
        "api_version",
        "container_list",
    ]
    assert clients["cluster"].calls == []


async def test_an_exec_is_asked_after_where_it_is(routed, clients):
    await routed.container_exec_inspect("kube-12")
    await routed.container_exec_inspect("12")
    assert [len(client.calls) for client in clients.values()] == [1, 1]


async def test_each_is_found_once_and_only_when_it_is_needed(routed, clients):
    assert (routed.url, routed.is_remote, await routed.answers()) == ("", False, True)
    await routed.container_inspect("kube:a")
    await routed.container_inspect("kube:b")
    assert routed.made == ["cluster"]
    assert (routed.url, routed.is_remote) == ("cluster", False)
    await routed.container_inspect("web")
    assert (routed.url, routed.is_remote) == ("engine", True)
    await routed.aclose()
    assert all(client.calls[-1][0] == "aclose" for client in clients.values())


async def test_an_engine_that_is_not_there_keeps_no_pod_from_being_used():
    async def missing():
        raise EngineUnavailable("none")

    async def cluster():
        return Client("cluster")

    routed = RoutedEngine(missing, cluster)
    await routed.container_inspect("kube:lab/web")
    with pytest.raises(EngineUnavailable):
        await routed.container_inspect("web")


class Lister:
    """Lists containers, or fails."""

    def __init__(self, found: list[str] | DexecError) -> None:
        self._found = found

    async def container_inspect(self, _container):
        return None

    async def container_list(self, **_options):
        if isinstance(self._found, DexecError):
            raise self._found
        return self._found


@pytest.mark.parametrize("is_used", [True, False])
@pytest.mark.parametrize(
    ("engine", "cluster", "expected"),
    [
        (["web"], ["kube:a/b"], ["web", "kube:a/b"]),
        (["web"], EngineApiError("no", status=403), ["web"]),
        (EngineUnavailable("gone"), ["kube:a/b"], ["kube:a/b"]),
        (EngineUnavailable("gone"), EngineUnavailable("gone, too"), EngineUnavailable),
    ],
)
async def test_pods_are_listed_once_the_cluster_is_in_use(is_used, engine, cluster, expected):
    async def find(found):
        return Lister(found)

    routed = RoutedEngine(lambda: find(engine), lambda: find(cluster))
    if is_used:
        await routed.container_inspect("kube:a/b")
    else:
        expected = engine if isinstance(engine, list) else EngineUnavailable
    if expected is EngineUnavailable:
        with pytest.raises(EngineUnavailable):
            await routed.container_list()
    else:
        assert await routed.container_list() == expected
    if is_used and isinstance(engine, list):
        assert await routed.container_list(filters={"label": ["a"]}) == engine
