"""`dexec-kernel sync` on disk: the files that it writes, removes, and never touches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker.kernelspecs import BoundSpec, bound_spec, find_spec, install
from dexec_kernel.picker.sync import MADE_BY_SYNC, kernels_folder, sync


@pytest.fixture(autouse=True)
def prefix(tmp_path, monkeypatch):
    """A prefix that Jupyter looks into, and nothing of the developer's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "prefix/share/jupyter"))
    return str(tmp_path / "prefix")


def spec(name: str, display_name: str = "") -> BoundSpec:
    return BoundSpec(name, f"dexec-{name}", display_name or name, metadata=MADE_BY_SYNC)


def test_it_writes_what_is_there_and_removes_what_is_not(prefix):
    kernels = kernels_folder(prefix=prefix)
    first = sync([spec("web"), spec("db")], kernels)
    assert (first.written, first.removed) == (["dexec-web", "dexec-db"], [])
    second = sync([spec("web"), spec("db", "The database")], kernels)
    assert (second.written, second.unchanged) == (["dexec-db"], ["dexec-web"])
    third = sync([spec("db", "The database")], kernels)
    assert (third.removed, third.unchanged) == (["dexec-web"], ["dexec-db"])
    assert [path.name for path in kernels.iterdir()] == ["dexec-db"]
    found = KernelSpecManager().get_all_specs()["dexec-db"]["spec"]
    assert found["display_name"] == "The database"
    assert "--container" in found["argv"]


def test_it_touches_nothing_of_others(prefix):
    kernels = kernels_folder(prefix=prefix)
    installed = install(bound_spec("web"), prefix=prefix)
    before = (installed.path / "kernel.json").read_text()
    for folder, content in (
        ("mine", {"argv": ["other"], "metadata": {"dexec": {"by": "sync", "container": "x"}}}),
        ("broken", None),
    ):
        (kernels / folder).mkdir()
        (kernels / folder / "kernel.json").write_text(json.dumps(content))
    (kernels / "README").write_text("no kernel")
    done = sync([spec("web"), spec("db")], kernels)
    assert done.written == ["dexec-db"]
    assert "dexec-web" in done.kept
    assert (installed.path / "kernel.json").read_text() == before
    assert sync([], kernels).removed == ["dexec-db"]
    assert sorted(path.name for path in kernels.iterdir()) == [
        *("README", "broken", "dexec-web", "mine")
    ]


def test_a_name_that_jupyter_has_elsewhere_is_left_to_it(prefix, tmp_path):
    install(bound_spec("web"), user=True)
    done = sync([spec("web")], kernels_folder(prefix=prefix))
    assert done.written == []
    assert str(tmp_path / "data") in done.kept["dexec-web"]


def test_a_dry_run_changes_nothing(prefix):
    kernels = kernels_folder(prefix=prefix)
    assert sync([spec("web")], kernels, dry_run=True).written == ["dexec-web"]
    assert not kernels.exists()
    sync([spec("web")], kernels)
    done = sync([spec("db")], kernels, dry_run=True)
    assert (done.written, done.removed) == (["dexec-db"], ["dexec-web"])
    assert sync([spec("web")], kernels, dry_run=True).unchanged == ["dexec-web"]
    assert find_spec("dexec-web") is not None


def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written") as caught:
        sync([spec("web")], Path(file, "kernels"))
    assert "--prefix" in caught.value.advice
