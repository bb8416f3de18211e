"""`dexec-kernel sync` with a real engine, and papermill with a kernel that it wrote."""

from __future__ import annotations

import json

import nbformat
import papermill
import pytest

from devtools import containers
from dexec_kernel.cli.command import FAILED, OK, run

COMPOSE = {"com.docker.compose.project": "sync", "com.docker.compose.service": "db"}


@pytest.fixture(autouse=True)
def environment(host, tmp_path, monkeypatch):
    """The tests' engine, and a home of their own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setenv("DEXEC_HISTORY_FILE", ":memory:")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "prefix/share/jupyter"))


@pytest.fixture
def sync(tmp_path, capsys):
    """Synchronise below a prefix that Jupyter looks into; return the JSON that it prints."""

    def call(*arguments: str) -> dict[str, object]:
        assert run(["sync", "--prefix", str(tmp_path / "prefix"), "--json", *arguments]) == OK
        return json.loads(capsys.readouterr().out)

    return call


def test_papermill_runs_a_notebook_in_a_container_by_name(sync, run_container, host, tmp_path):
    name = run_container(name="sync-db-1", labels=COMPOSE)
    run_container(name="sync-hidden", labels={"dexec.kernel": "false"})
    done = sync("--include", "sync*")
    assert done["written"] == ["dexec-sync-db"]
    assert done["kernelspecs"] == [
        {
            "name": "dexec-sync-db",
            "container": "compose:sync/db",
            "display_name": "sync / db (busybox:1)",
        }
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("hostname")])
    nbformat.write(notebook, tmp_path / "in.ipynb")
    papermill.execute_notebook(
        tmp_path / "in.ipynb",
        tmp_path / "out.ipynb",
        kernel_name="dexec-sync-db",
        progress_bar=False,
    )
    outputs = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[0].outputs
    [printed] = [output.text for output in outputs if output.output_type == "stream"]
    assert printed.strip() == containers.inspect(host, name)["Config"]["Hostname"]

    containers.stop(host, name)
    assert sync("--include", "sync*", "--dry-run")["removed"] == ["dexec-sync-db"]
    assert sync("--include", "sync*")["removed"] == ["dexec-sync-db"]


def test_an_engine_that_is_away_takes_nothing_away(sync, run_container, monkeypatch, tmp_path):
    name = run_container()
    monkeypatch.setenv("DEXEC_PICKER_INCLUDE", name)
    assert sync()["written"] == [f"dexec-{name}"]
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert run(["sync", "--prefix", str(tmp_path / "prefix")]) == FAILED
    assert (tmp_path / f"prefix/share/jupyter/kernels/dexec-{name}").is_dir()
