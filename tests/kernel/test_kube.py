"""Kernels in pods, over v5 and v4 of the exec protocol: a front over containerd's own execs."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from unittest.mock import patch

import nbformat
import pytest
from nbclient import NotebookClient

from devtools import images, processes
from devtools.kube.private import PrivateKube
from tests.kernel.conftest import Kernel
from tests.record import MIME_TYPE as RECORD
from tests.waiting import GUARD, until

_NAMESPACE = "kernels"
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def pod(kube: PrivateKube):
    """A pod that tests share."""
    yield kube.run_pod("shared", namespace=_NAMESPACE)
    kube.delete_pod("shared", namespace=_NAMESPACE)


@pytest.fixture
def start(kube: PrivateKube, start_kernel):
    """Start a kernel in a pod, over the given protocol; without an engine."""

    def begin(pod: str, protocol: str = "v5", **settings: str) -> Kernel:
        config = kube.kubeconfig(protocol, namespace=_NAMESPACE)
        settings = {
            "KUBECONFIG": str(config),
            "DEXEC_CONTAINER": f"kube:{pod}",
            # On a busy machine the answer takes longer than people wait.
            "DEXEC_COMPLETION_TIMEOUT": "60",
            **settings,
        }
        return start_kernel(engine="unix:///nowhere.sock", **settings)

    return begin


@pytest.mark.parametrize("protocol", ["v5", "v4"])
def test_a_kernel(start, pod, kube, protocol, tmp_path):
    kernel = start(pod, protocol)
    result = kernel.run("cd /tmp; export A=kept; echo $A; exit 3")
    assert (result.text(), result.record["exit_code"]) == ("kept\n", 3)
    assert result.record["container"] == f"kube:{_NAMESPACE}/{pod}"
    assert kernel.run("echo $A; pwd; echo e >&2").text() == "kept\n/tmp\n"
    assert kernel.run("no-such-command").record["exit_code"] == 127
    end = kernel.run("cat; echo over", allow_stdin=False)
    assert end.text() == "over\n", (end.reply, end.record)

    # Bodies, and a program that reads to the end of its input.
    assert kernel.run("%%exec -- wc -c\n" + 99 * "x" + "\n").text() == "100\n"
    assert kernel.run("echo $((6 * 7)) | cat").text() == "42\n"

    interrupted = kernel.run("echo begun; sleep 1000", at=kernel.interrupt_at("begun"))
    assert interrupted.reply["ename"] == "KeyboardInterrupt"
    assert kernel.run("echo $A").text() == "kept\n"

    request = kernel.send("read -r x; echo got $x", allow_stdin=True)
    kernel.asked(request)
    kernel.client.input("word")
    assert kernel.collect(request).text() == "got word\n"

    large = kernel.run("seq 1 60000; echo end")
    assert large.record["exit_code"] == 0

    (tmp_path / "file").write_bytes(bytes(range(256)) * 4_000)
    kernel.run(f"%cp {tmp_path / 'file'} :/tmp/file")
    kernel.run(f"%cp :/tmp/file {tmp_path / 'back'}")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()
    kernel.run("%%writefile :/tmp/note\nwritten\n")
    assert kernel.run("cat /tmp/note").text() == "written\n"

    kernel.client.complete("echo $HOM", 9)
    reply = kernel.client.get_shell_msg(timeout=60)
    while reply["msg_type"] != "complete_reply":
        reply = kernel.client.get_shell_msg(timeout=60)
    assert "$HOME" in " ".join(reply["content"]["matches"])

    # Nothing of a cell, nor of the driver, is in what the cluster writes into its log.
    kernel.run("echo s3cret-word")
    said = [path for _, path, _ in kube.requests() if f"/pods/{pod}/exec" in path]
    assert said
    assert not any("s3cret" in path or "DEXEC_" in path for path in said)


@pytest.mark.parametrize("protocol", ["v5", "v4"])
def test_a_line_that_breaks_is_a_lost_cell_and_never_success(start, pod, kube, protocol):
    kernel = start(pod, protocol)
    kernel.run("A=kept")
    # A kubelet that restarts: the apiserver says Success over v5, and nothing over v4.
    for side in ("server", "client"):
        dropped = []

        def drop(message, side=side, dropped=dropped):
            if message["msg_type"] == "stream" and not dropped:
                dropped.append(kube.switch(drop=f"{_NAMESPACE}/{pod}", side=side))

        lost = kernel.run("echo begun; sleep 1000", at=drop)
        assert (lost.reply["status"], lost.reply["ename"]) == ("error", "ExecLost"), side
        assert (lost.record["state"], lost.record["exit_code"]) == ("lost", None)
        assert kernel.run("echo $A").text() == "kept\n"


@pytest.mark.parametrize("protocol", ["v5", "v4"])
def test_a_background_process_keeps_nobody_waiting(start, pod, protocol):
    kernel = start(pod, protocol, DEXEC_STATUS_BAR="static")
    kernel.run("rm -f /tmp/go")
    waits = "until [ -e /tmp/go ]; do sleep 0.05; done"
    result = kernel.run(f"({waits}; echo late) & echo soon; exit 3")
    assert (result.text(), result.reply["evalue"]) == ("soon\n", "exit code 3")
    assert result.record["state"] == "background"
    kernel.send("touch /tmp/go")

    def is_over(found) -> bool:
        data = [message["content"].get("data", {}) for message in found]
        return any(item.get(RECORD, {}).get("state") == "exited" for item in data)

    request = result.messages[0]["parent_header"]["msg_id"]
    rest = kernel.later(request, is_over)
    assert [m["content"]["text"] for m in rest if m["msg_type"] == "stream"] == ["late\n"]
    assert rest[-1]["content"]["data"][RECORD]["exit_code"] == 3


def test_a_killed_kernel_leaves_no_cell_behind(start, run_pod, kube):
    name = run_pod(namespace=_NAMESPACE)
    [status] = kube.pod(name, namespace=_NAMESPACE)["status"]["containerStatuses"]
    container = status["containerID"].removeprefix("containerd://")

    def commands() -> list[str]:
        found = [process for process in processes.of_container(container) if not process.zombie]
        return [process.command for process in found if "2147483647" not in process.command]

    kernel = start(f"{_NAMESPACE}/{name}")
    kernel.busy(kernel.send("echo begun; sleep 4321"))
    until(lambda: any("dexec-guardian" in command for command in commands()))
    assert any("sleep 4321" in command for command in commands())
    os.kill(kernel.manager.provisioner.pid, signal.SIGKILL)
    until(lambda: not commands())


def test_a_container_that_restarts_and_a_pod_that_goes(start, run_pod, kube):
    main = {"command": ["sh", "-c", "trap 'exit 3' TERM; sleep 100000 & wait"]}
    name = run_pod(namespace=_NAMESPACE, containers={"main": main, "side": {}})
    kernel = start(f"{_NAMESPACE}/{name}/main")
    assert kernel.run("echo a").text() == "a\n"
    ended = kernel.run("kill 1; sleep 1000")
    assert ended.reply["status"] == "error"
    assert ended.record["exit_code"] != 0

    def restarts() -> int:
        [status, _] = kube.pod(name, namespace=_NAMESPACE)["status"]["containerStatuses"]
        return status["restartCount"] if "running" in status["state"] else 0

    until(restarts)
    assert kernel.run("echo b").text() == "b\n"
    begun = []

    def delete(message):
        if message["msg_type"] == "stream" and not begun:
            begun.append(kube.delete_pod(name, namespace=_NAMESPACE))

    gone = kernel.run("echo begun; sleep 1000", at=delete)
    assert gone.reply["status"] == "error"
    missing = kernel.run("echo c").reply
    until(lambda: kernel.run("echo c").reply["ename"] == "ContainerNotFound")
    assert missing["ename"] in {"ContainerNotFound", "ContainerNotRunning"}
    assert name in missing["evalue"]


def test_a_cell_that_ran_out_of_memory_says_so(start, run_pod, kube):
    """A process alone is in no pod's status; the end of the whole container is, later."""
    hog = "dd if=/dev/zero of=/dev/null bs=200M count=1"
    main = {
        "command": ["sh", "-c", f"until [ -e /tmp/go ]; do sleep 0.1; done; exec {hog}"],
        "resources": {"limits": {"memory": "32Mi"}},
    }
    pod = run_pod(namespace=_NAMESPACE, containers={"main": main})
    kernel = start(f"{_NAMESPACE}/{pod}")
    kernel.run("echo a")
    assert kernel.run(hog).reply["evalue"] == "exit code 137 (SIGKILL, out of memory)"
    assert kernel.run("kill -9 $$").reply["evalue"] == "exit code 137 (SIGKILL)"
    ended = kernel.run("touch /tmp/go; sleep 1000").reply
    status = str(kube.pod(pod, namespace=_NAMESPACE)["status"]["containerStatuses"])
    assert ended["evalue"] == "exit code 137 (SIGKILL, out of memory)", status


def test_an_owner_names_its_pod_and_the_next_one(start, run_pod, kube):
    owner, labels = {"kind": "ReplicaSet", "name": "app-abc"}, {"pod-template-hash": "abc"}
    first = run_pod(namespace=_NAMESPACE, owner=owner, labels=labels)
    kernel = start(f"{_NAMESPACE}/deploy/app")
    assert kernel.run("echo a").record["container"] == f"kube:{_NAMESPACE}/{first}"
    second = run_pod(namespace=_NAMESPACE, owner=owner, labels=labels)
    kube.delete_pod(first, namespace=_NAMESPACE)
    until(lambda: kernel.run("echo b").record.get("container") == f"kube:{_NAMESPACE}/{second}")


@pytest.mark.parametrize(
    ("name", "words", "status"),
    [
        ("nowhere", "There is no pod or container", "(not found)"),
        ("{}", "has 2 containers, and none is named", "and none is named)"),
    ],
)
def test_the_choice_is_shown_also_where_the_current_one_is_none(
    start, run_pod, name, words, status
):
    two = run_pod(namespace=_NAMESPACE, containers={"main": {}, "side": {}})
    kernel = start(f"{_NAMESPACE}/{name.format(two)}")
    [shown] = kernel.run("%container").of("display_data")
    text = shown["data"]["text/plain"]
    assert words in text
    assert f"  %container kube:{_NAMESPACE}/{two}/side" in text
    assert status in str(kernel.run("%status").messages)
    assert kernel.run("%containers").reply["status"] == "ok"


def test_without_an_engine_and_without_pods_the_current_one_is_shown(start, pod, tmp_path):
    kernel = start(pod, DEXEC_PICKER_PODS="none")
    text = str(kernel.run("%containers").messages)
    assert f"→ kube:{_NAMESPACE}/{pod}" in " ".join(text.split())
    [shown] = kernel.run("%container").of("display_data")
    assert shown["data"]["text/plain"].startswith(f"Cells run in kube:{_NAMESPACE}/{pod} ")
    kernel = start(pod, KUBECONFIG=str(tmp_path))
    reply = kernel.run("%container").reply
    assert (reply["ename"], "Is a directory" in reply["evalue"]) == ("ConfigurationError", True)


def test_what_the_cluster_refuses_is_said_with_the_role(start, pod, kube, start_kernel):
    config = kube.kubeconfig(user="nobody", namespace=_NAMESPACE)
    settings = {"KUBECONFIG": str(config), "DEXEC_CONTAINER": f"kube:{pod}"}
    kernel = start_kernel(engine="unix:///nowhere.sock", **settings)
    reply = kernel.run("echo hi").reply
    assert reply["ename"] == "RightMissing"
    assert "verbs: [get, create]" in "\n".join(reply["traceback"])
    refused = start(pod).run("%%exec -u nobody\nid").reply
    assert refused["ename"] == "ConfigurationError"


def test_without_a_shell_a_cell_is_a_command(start, run_pod):
    kernel = start(run_pod(namespace=_NAMESPACE, image=images.NOSHELL))
    assert kernel.run("echo hello").text() == "hello\n"
    assert kernel.run("no-such").reply["ename"] == "CommandNotStarted"


def test_the_quick_start_runs_in_a_pod(kube, pod):
    """Each cell of the notebook ends as it does in a container."""
    config = str(kube.kubeconfig(namespace=_NAMESPACE))
    settings = {
        "KUBECONFIG": config,
        "DEXEC_CONTAINER": f"kube:{pod}",
        "DOCKER_HOST": "unix:///nowhere.sock",
        "DEXEC_HISTORY_FILE": ":memory:",
    }
    notebook = nbformat.read(NOTEBOOKS / "quickstart.ipynb", as_version=4)
    with patch.dict("os.environ", settings):
        NotebookClient(notebook, timeout=GUARD, kernel_name="dexec").execute()
    codes = [
        output["data"][RECORD]["exit_code"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if RECORD in output.get("data", {})
    ]
    assert codes.count(0) == len(codes) - 3
