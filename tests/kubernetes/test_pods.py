"""Pods in all states, and rights, as a real cluster tells of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from dexec_kernel.backend.models import ExecConfig
from dexec_kernel.errors import ContainerNotFound, ContainerNotRunning, RightMissing
from dexec_kernel.kube.api import KubeApi
from dexec_kernel.kube.engine import KubeEngine
from tests.kubernetes.conftest import Namespace

USER = "dexec-test-user"
_RBAC = "rbac.authorization.k8s.io"


async def printed(engine: KubeEngine, name: str, *command: str) -> tuple[bytes, int | None]:
    attached = await engine.exec(name, ExecConfig(list(command)))
    said = b""
    while frames := await attached.read():
        said += b"".join(frame.data for frame in frames)
    code = (await attached.wait()).exit_code
    attached.close()
    return said, code


async def create(engine: KubeEngine, namespace: Namespace, pod: dict[str, Any]) -> str:
    await engine.api.call("POST", f"/api/v1/namespaces/{namespace.name}/pods", body=pod)
    return f"kube:{namespace.name}/{pod['metadata']['name']}"


def with_command(pod: dict[str, Any], *command: str) -> dict[str, Any]:
    pod["spec"]["containers"][0]["command"] = list(command)
    return pod


async def reason(engine: KubeEngine, name: str, words: str) -> str:
    """Wait until a container does not run for a reason with these words, and return it."""
    async with asyncio.timeout(180):
        while True:
            found = (await engine.container_inspect(name)).why_not_running
            if words in found:
                return found
            await asyncio.sleep(0.2)


async def test_a_container_that_does_not_run_says_why(kube, namespace):
    never = {"restartPolicy": "Never"}
    done = await create(kube, namespace, with_command(namespace.pod("done", **never), "true"))
    failed = with_command(namespace.pod("failed", **never), "sh", "-c", "exit 3")
    failed_name = await create(kube, namespace, failed)
    crash = await create(kube, namespace, with_command(namespace.pod("crash"), "false"))
    assert await reason(kube, done, "Completed") == "Completed, exit code 0"
    assert await reason(kube, failed_name, "Error") == "Error, exit code 3"
    assert "Error, exit code 1" in await reason(kube, crash, "restart")
    for name in (done, failed_name):
        # Over v5 the cluster tells so only on the stream.
        with pytest.raises(ContainerNotRunning):
            await printed(kube, name, "true")


async def test_an_init_container_that_others_wait_for_is_named_and_takes_execs(kube, namespace):
    pod = namespace.pod("waits")
    pod["spec"]["initContainers"] = [{**pod["spec"]["containers"][0], "name": "setup"}]
    name = await create(kube, namespace, pod)
    said = await reason(kube, name, "it runs")
    assert said == "the init container 'setup' is to end first (it runs)"
    assert await printed(kube, f"{name}/setup", "echo", "hi") == (b"hi\n", 0)
    pod = namespace.pod("broken", restartPolicy="Never")
    pod["spec"]["initContainers"] = [
        {**pod["spec"]["containers"][0], "name": "setup", "command": ["sh", "-c", "exit 7"]}
    ]
    name = await create(kube, namespace, pod)
    assert "'setup' is to end first (Error, exit code 7)" in await reason(kube, name, "exit code 7")


@pytest.mark.parametrize(
    ("changes", "sends"),
    [
        ({}, False),
        ({"stdin": True}, False),
        ({"stdin": True}, True),
        ({"stdin": True, "tty": True}, False),
        ({"stdin": True, "tty": True, "stdinOnce": True}, True),
    ],
)
async def test_a_main_process_is_joined_and_left_unharmed(kube, namespace, changes, sends):
    pod = namespace.pod(f"joined-{len(changes)}{sends:d}")
    script = "(while sleep 0.2; do echo tick; done) & cat; echo over; sleep 1000"
    pod["spec"]["containers"][0] |= {**changes, "command": ["bash", "-c", script]}
    name = await namespace.start(kube, pod)
    try:
        for word in ("one", "two"):  # The second sees what has come of the first.
            channel = await kube.container_attach_ws(name, stdin=sends)
            said, wanted = b"", word if sends else "tick"
            if sends:
                await channel.write(f"{word}\n".encode())
            async with asyncio.timeout(120):
                while wanted.encode() not in said:
                    frames = await channel.read()
                    assert frames, said
                    said += b"".join(frame.data for frame in frames)
            assert not changes or b"over" not in said
            channel.close()
    finally:
        await namespace.remove_pod(kube, pod["metadata"]["name"])


async def test_to_join_one_that_would_lose_its_stdin_is_told(kube, namespace):
    pod = namespace.pod("once")
    pod["spec"]["containers"][0] |= {"stdin": True, "stdinOnce": True}
    name = await namespace.start(kube, pod)
    assert await kube.attaching_ends_stdin(await kube.container_inspect(name))
    await namespace.remove_pod(kube, "once")


async def test_a_pod_that_is_deleted_ends_its_commands(kube, namespace):
    name = await kube_start(kube, namespace, "deleted")
    attached = await kube.exec(name, ExecConfig(["sh", "-c", "echo begun; exec sleep 1000"]))
    assert b"".join(frame.data for frame in await attached.read()) == b"begun\n"
    await namespace.remove_pod(kube, "deleted")
    while await attached.read():
        pass
    assert (await attached.wait()).exit_code == 137
    attached.close()
    with pytest.raises(ContainerNotFound):
        await kube.exec(name, ExecConfig(["true"]))


async def kube_start(kube: KubeEngine, namespace: Namespace, name: str) -> str:
    return await namespace.start(kube, namespace.pod(name))


async def allow(kube: KubeEngine, namespace: Namespace, *rules: dict[str, Any]) -> None:
    """Let the test's user do this in the namespace."""
    base = f"/apis/{_RBAC}/v1/namespaces/{namespace.name}"
    names = {"apiVersion": f"{_RBAC}/v1", "metadata": {"name": "dexec"}}
    role = {**names, "kind": "Role", "rules": [{"apiGroups": [""], **rule} for rule in rules]}
    subjects = [{"kind": "User", "name": USER, "apiGroup": _RBAC}]
    reference = {"kind": "Role", "name": "dexec", "apiGroup": _RBAC}
    binding = {**names, "kind": "RoleBinding", "subjects": subjects, "roleRef": reference}
    await kube.api.call("POST", f"{base}/roles", body=role)
    await kube.api.call("POST", f"{base}/rolebindings", body=binding)


async def forbid(kube: KubeEngine, namespace: Namespace) -> None:
    base = f"/apis/{_RBAC}/v1/namespaces/{namespace.name}"
    await kube.api.call("DELETE", f"{base}/rolebindings/dexec")
    await kube.api.call("DELETE", f"{base}/roles/dexec")


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        ([], "cannot get resource"),
        ([{"resources": ["pods"], "verbs": ["get"]}], "pods/exec"),
        ([{"resources": ["pods/exec"], "verbs": ["get", "create"]}], "cannot get resource"),
        (
            [
                {
                    "resources": ["pods", "pods/exec"],
                    "verbs": ["get", "create"],
                    "resourceNames": ["work"],
                }
            ],
            "",
        ),
    ],
)
async def test_rights(kube, namespace, pod, rules, refused):
    await allow(kube, namespace, *rules)
    as_user = (("Impersonate-User", USER),)
    access = replace(kube.api.access, user=replace(kube.api.access.user, impersonation=as_user))
    try:
        async with KubeEngine(KubeApi(access)) as engine:
            may = await allowed(engine, namespace)
            if not refused:
                assert await printed(engine, pod, "echo", "hi") == (b"hi\n", 0)
                assert may == (False, True)
                return
            with pytest.raises(RightMissing, match=refused) as caught:
                await engine.exec(pod, ExecConfig(["true"]))
            assert f"namespace: {namespace.name}" in caught.value.advice
    finally:
        await forbid(kube, namespace)


async def allowed(engine: KubeEngine, namespace: Namespace) -> tuple[bool, bool]:
    """Return whether execs in all pods are allowed, and in the one of the tests."""
    asked = ("create", "pods", namespace.name)
    everywhere = await engine.api.may(*asked, subresource="exec")
    return everywhere, await engine.api.may(*asked, subresource="exec", name="work")
