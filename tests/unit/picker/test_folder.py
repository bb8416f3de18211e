"""The folder that Jupyter reads while it changes: whole kernelspecs, no traces, and fast."""

from __future__ import annotations

import asyncio
import itertools
import json
import stat
import threading
from types import SimpleNamespace

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.services.kernelspecs.handlers import kernelspec_model

from dexec_kernel.picker.folder import SpecFolder, remove_stale_specs
from dexec_kernel.picker.kernelspecs import BoundSpec

LOGOS = {"logo-svg.svg", "logo-64x64.png"}


def spec(name: str, display_name: str = "") -> BoundSpec:
    return BoundSpec(name, f"dexec-{name}", display_name or name)


def names(folder: SpecFolder) -> set[str]:
    return {path.name for path in folder.kernels.iterdir()}


@pytest.fixture
def folder(tmp_path):
    made = SpecFolder(tmp_path / "picker")
    yield made
    made.close()


def test_the_folder_is_private_and_vanishes(tmp_path, folder):
    root = folder.kernels.parent
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    folder.update([spec("web")])
    remove_stale_specs(tmp_path / "picker")
    assert names(folder) == {"dexec-web"}, "its server lives"
    folder.close()
    folder.close()
    assert folder.update([spec("db")]) == []
    assert list((tmp_path / "picker").iterdir()) == []


def test_kernelspecs_come_and_go_with_the_containers(folder):
    searched = folder.update([spec("web"), spec("db")])
    assert names(folder) == {"dexec-web", "dexec-db"}
    found = KernelSpecManager(kernel_dirs=searched).get_all_specs()
    assert list(found)[:2] == ["dexec-web", "dexec-db"], "in the order that was given"
    assert found["dexec-web"]["spec"]["metadata"]["dexec"] == {"container": "web"}
    assert {path.name for path in (folder.kernels / "dexec-web/dexec-web").glob("logo-*")} == LOGOS
    folder.update([spec("db", "The database")])
    assert names(folder) == {"dexec-db"}
    content = json.loads((folder.kernels / "dexec-db/dexec-db/kernel.json").read_text())
    assert content["display_name"] == "The database"
    assert len(list((folder.kernels / "dexec-db/dexec-db").iterdir())) == 1 + len(LOGOS)


def test_managers_of_other_packages_find_them_as_well(folder):
    class Another(KernelSpecManager):
        """As nb_conda_kernels does: it adds kernels of its own to those of the folders."""

        def find_kernel_specs(self):
            return {**super().find_kernel_specs(), "elsewhere": "/nowhere"}

    searched = folder.update([spec("web")])
    manager = Another(kernel_dirs=searched, allowed_kernelspecs={"dexec-web"})
    assert manager.get_kernel_spec("dexec-web").display_name == "web"
    assert set(manager.get_all_specs()) == {"dexec-web"}


def test_what_has_not_changed_is_not_written_again(folder):
    folder.update([spec("web")])
    before = (folder.kernels / "dexec-web/dexec-web/kernel.json").stat().st_mtime_ns
    folder.update([spec("web"), spec("db")])
    assert (folder.kernels / "dexec-web/dexec-web/kernel.json").stat().st_mtime_ns == before


def test_a_reader_sees_a_kernelspec_whole_or_not_at_all(folder):
    done = threading.Event()

    def change() -> None:
        for number in itertools.count():
            if number >= 150 and seen:
                break
            folder.update([spec("web", f"{number} " * 500)] if number % 3 else [])
        done.set()

    seen = 0
    thread = threading.Thread(target=change)
    thread.start()
    while not done.is_set():
        for path in folder.kernels.iterdir():
            try:
                text = (path / path.name / "kernel.json").read_text()
            except FileNotFoundError:
                continue
            assert json.loads(text)["argv"]
            seen += 1
    thread.join()
    assert seen


async def test_two_hundred_containers_are_in_the_answer_to_a_request(folder):
    """The server's work for GET /api/kernelspecs; ``make bench`` measures its duration."""
    searched = folder.update([spec(f"container-{number}") for number in range(200)])
    manager = KernelSpecManager(kernel_dirs=searched)
    handler = SimpleNamespace(base_url="/")
    models = [
        asyncio.to_thread(kernelspec_model, handler, name, found["spec"], found["resource_dir"])
        for name, found in manager.get_all_specs().items()
    ]
    answer = json.dumps(await asyncio.gather(*models))
    assert all(f"container-{number}" in answer for number in range(200))
