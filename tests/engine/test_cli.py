"""`dexec-kernel list` and `install` with a real engine, and the kernel that install made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

from devtools import containers, images
from dexec_kernel.cli.command import FAILED, OK, run
from tests.waiting import GUARD

COMPOSE = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "[red]db",
    "com.docker.compose.container-number": "1",
}


@pytest.fixture(autouse=True)
def environment(host, tmp_path, monkeypatch):
    """The tests' engine, and a home of their own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "prefix/share/jupyter"))


@pytest.fixture
def install(tmp_path, capsys):
    """Install below a prefix that Jupyter looks into; returns exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(["install", "--prefix", str(tmp_path / "prefix"), *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return call


def listed(capsys, *arguments: str) -> dict[str, dict[str, object]]:
    assert run(["list", "--json", *arguments]) == OK
    return {item["name"]: item for item in json.loads(capsys.readouterr().out)}


def test_list_shows_what_can_be_used(run_container, host, capsys):
    plain, service, frozen, stopped = (
        run_container(),
        run_container(labels=COMPOSE),
        run_container(),
        run_container(),
    )
    containers.pause(host, frozen)
    containers.stop(host, stopped)
    found = listed(capsys)
    assert {plain, service} <= set(found)
    assert not {frozen, stopped} & set(found)
    assert found[plain]["image"] == images.BUSYBOX
    assert found[plain]["compose"] is None
    assert found[service]["compose"] == "compose:shop/[red]db"
    everything = listed(capsys, "--all")
    states = [everything[name]["state"] for name in (plain, frozen, stopped)]
    assert states == ["running", "paused", "exited"]
    assert [everything[name]["usable"] for name in (plain, frozen, stopped)] == [True, False, False]


def test_list_into_a_pipe(run_container, capsys):
    name = run_container(labels=COMPOSE)
    assert run(["list"]) == OK
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(name))
    assert images.BUSYBOX in line
    assert line.endswith("compose:shop/[red]db")


def test_install_refuses_a_container_that_is_not_there(install, tmp_path):
    status, out, err = install("--container", "no-such-thing")
    assert (status, out) == (FAILED, "")
    assert "There is no container named 'no-such-thing'." in err
    assert "--no-check" in err
    assert not (tmp_path / "prefix").exists()
    assert install("--container", "no-such-thing", "--no-check")[0] == OK


def test_install_refuses_a_compose_service_that_is_not_there(install):
    status, _, err = install("--container", "compose:none/such")
    assert status == FAILED
    assert "docker compose -p none up -d such" in err


def test_install_warns_of_a_container_that_takes_no_cells(install, run_container, host):
    name = run_container()
    containers.pause(host, name)
    status, _, err = install("--container", name)
    assert (status, err) == (
        OK,
        f"warning: {name} is paused; let it go on with: docker unpause {name}\n",
    )
    containers.unpause(host, name)
    containers.stop(host, name)
    status, _, err = install("--container", name)
    assert (status, err) == (
        OK,
        f"warning: {name} is not running; start it with: docker start {name}\n",
    )


@pytest.mark.parametrize("by", ["name", "id", "compose"])
def test_the_kernel_that_install_made_runs_cells(by, install, run_container, host, monkeypatch):
    name = run_container(labels=COMPOSE, working_dir="/tmp")
    known_as = {
        "name": name,
        "id": containers.inspect(host, name)["Id"][:12],
        "compose": "compose:shop/[red]db",
    }[by]
    status, out, err = install("--container", known_as, "--name", "mine", "--json")
    assert (status, err) == (OK, "")
    told = json.loads(out)
    assert told["warnings"] == []
    spec = json.loads(Path(told["path"], "kernel.json").read_text())
    assert spec["env"] == {"DOCKER_HOST": host}
    # Another engine is named where Jupyter runs: the kernelspec knows better.
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setenv("DEXEC_CONTAINER", "nowhere")
    printed: list[str] = []

    def hear(message: dict[str, dict[str, str]]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    manager, client = start_new_kernel(kernel_name="mine", startup_timeout=GUARD)
    try:
        reply = client.execute_interactive("hostname; pwd", output_hook=hear, timeout=GUARD)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
        manager.cleanup_resources()
    assert reply["content"]["status"] == "ok"
    hostname = containers.inspect(host, name)["Config"]["Hostname"]
    assert "".join(printed) == f"{hostname}\n/tmp\n"
