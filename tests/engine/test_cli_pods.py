"""The commands where there are pods: a front of pods over a real containerd."""

from __future__ import annotations

import json

import pytest

from devtools.kube.rights import Rights
from dexec_kernel.cli import command


@pytest.fixture(autouse=True)
def environment(kube, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setenv("KUBECONFIG", str(kube.kubeconfig(namespace="cli")))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "prefix/share/jupyter"))
    monkeypatch.delenv("DEXEC_CONTAINER", raising=False)


@pytest.fixture(scope="module", autouse=True)
def web(kube):
    """A pod of a Deployment."""
    owner = {"kind": "ReplicaSet", "name": "web-abc12"}
    labels = {"pod-template-hash": "abc12"}
    yield kube.run_pod("web-abc12-x", namespace="cli", owner=owner, labels=labels)
    kube.delete_pod("web-abc12-x", namespace="cli")


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = command.run(list(words))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_list_shows_pods_also_without_an_engine(capsys, monkeypatch):
    code, out, err = run(capsys, "list")
    assert code == 0
    assert "nowhere.sock" in err
    [_, line] = out.splitlines()
    words = ["kube:cli/web-abc12-x", "dexec-demo/busybox:1", "running", "kube:cli/deploy/web"]
    assert line.split() == words
    [item] = json.loads(run(capsys, "list", "--json")[1])
    assert (item["name"], item["kube"], item["usable"]) == (words[0], words[3], True)
    monkeypatch.setenv("DEXEC_PICKER_PODS", "none")
    assert run(capsys, "list")[0] == 1


def test_install_binds_to_the_owner_and_keeps_the_cluster(capsys, kube, tmp_path):
    name = "kube:cli/deploy/web"
    code, out, _ = run(
        capsys, "install", "--container", name, "--prefix", str(tmp_path / "prefix"), "--json"
    )
    assert code == 0
    found = json.loads(out)
    assert (found["name"], found["display_name"]) == (
        "dexec-cli-deploy-web",
        "cli/deploy/web (pod)",
    )
    config = str(kube.kubeconfig(namespace="cli"))
    assert found["env"] == {"KUBECONFIG": config, "DEXEC_KUBE_CONTEXT": "front"}
    assert found["warnings"] == []
    code, _, err = run(capsys, "install", "--container", "kube:cli/nix")
    assert code == 1
    assert "kube:cli/nix" in err
    assert "--no-check" in err


def test_sync_writes_pods_and_keeps_them_while_the_cluster_fails(
    capsys, kube, tmp_path, monkeypatch, host
):
    monkeypatch.setenv("DOCKER_HOST", host)
    words = ("sync", "--prefix", str(tmp_path / "prefix"), "--json", "--include", "cli/*")
    name = "dexec-cli-deploy-web"
    found = json.loads(run(capsys, *words)[1])
    assert found["written"] == [name]
    [spec] = found["kernelspecs"]
    assert spec["display_name"] == "pod cli / deploy/web (busybox:1)"
    monkeypatch.setenv("KUBECONFIG", str(kube.kubeconfig(namespace="cli", user="wrong")))
    _, out, err = run(capsys, *words)
    assert json.loads(out)["removed"] == []
    assert "does not accept" in err
    monkeypatch.setenv("DEXEC_PICKER_PODS", "none")
    assert json.loads(run(capsys, *words)[1])["removed"] == [name]


def findings(capsys, *words: str) -> dict[str, dict[str, str]]:
    out = run(capsys, "doctor", "--json", *words)[1]
    return {finding["check"]: finding for finding in json.loads(out)}


def test_doctor_runs_a_cell_in_a_pod(capsys):
    found = findings(capsys, "--container", "kube:cli/deploy/web")
    assert "context front" in found["cluster"]["message"]
    names = ("cluster", "connection", "rights", "container", "state", "cell", "stdin", "user")
    assert [found[name]["status"] for name in names] == ["ok"] * 8, found
    assert "root" in found["user"]["message"]
    assert findings(capsys)["pods"]["message"] == "1 container in running pods in the context front"


@pytest.fixture
def ruled(kube, monkeypatch):
    """Give the user `nobody` rights to pods of the namespace `cli`."""

    def rule(*rules: dict[str, object]) -> None:
        own = [{"user": "nobody", "namespace": "cli", "verbs": ["*"], **rule} for rule in rules]
        kube.switch(rules=[*Rights().rules, *own])
        monkeypatch.setenv("KUBECONFIG", str(kube.kubeconfig(namespace="cli", user="nobody")))

    yield rule
    kube.switch(rules=Rights().rules)


def test_doctor_knows_rights_to_a_pod_by_its_name(capsys, ruled):
    name = "web-abc12-x"
    ruled(
        {
            "resources": ["pods", "pods/exec", "pods/log"],
            "verbs": ["get", "create"],
            "names": [name],
        }
    )
    found = findings(capsys, "--container", f"kube:{name}")
    assert found["rights"]["status"] == "warning"
    assert found["rights"]["message"].endswith("you may not: list pods, watch pods")
    assert found["cell"]["status"] == "ok"


def test_doctor_goes_on_where_nobody_may_ask_for_rights(capsys, ruled):
    ruled(
        {"resources": ["pods", "pods/exec"]},
        {"user": "other", "resources": ["selfsubjectaccessreviews"]},
    )
    found = findings(capsys, "--container", "kube:web-abc12-x")
    assert found["rights"]["status"] == "warning"
    assert found["rights"]["message"].startswith("not known, as you may not ask for them.")
    assert found["cell"]["status"] == "ok"


def test_doctor_names_missing_rights_and_prints_the_role(capsys, kube, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(kube.kubeconfig(namespace="cli", user="nobody")))
    found = findings(capsys, "--container", "kube:web")["rights"]
    assert found["status"] == "failed"
    assert "get pods, get pods/exec, create pods/exec, list pods" in found["message"]
    assert "namespace: cli" in found["fix"]
    assert "resources: [pods/exec], verbs: [get, create]" in found["fix"]
    pods = findings(capsys)["pods"]
    assert pods["status"] == "warning"
    assert 'cannot list resource "pods"' in pods["message"]
