"""The server extension where a server is unlike the usual: no folders to search, odd settings."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from traitlets.config import Config

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.errors import PolicyRefused, PolicyUnusable
from dexec_kernel.picker import _jupyter_server_extension_points, cards, extension
from dexec_kernel.picker.extension import DexecPicker
from dexec_kernel.picker.filters import ContainerFilters
from dexec_kernel.policy.rules import Policy
from dexec_kernel.served_logs import FOLDER_VARIABLE, URL_VARIABLE


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    for name in ("LABELS", "INCLUDE", "EXCLUDE", "ONLY_LABELLED"):
        monkeypatch.delenv(f"DEXEC_PICKER_{name}", raising=False)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    # The extension sets them for its server's kernels: they are gone after the test.
    for name in (URL_VARIABLE, FOLDER_VARIABLE):
        monkeypatch.setenv(name, "")


def begun(manager: object, **settings: object) -> tuple[DexecPicker, list[object]]:
    """The extension as a server loads it, with its callbacks for the running server."""
    calls: list[object] = []
    loop = SimpleNamespace(add_callback=calls.append)
    server = SimpleNamespace(kernel_spec_manager=manager, io_loop=loop)
    picker = DexecPicker(
        serverapp=server,
        log=logging.getLogger("the-server"),
        config=Config({"DexecPicker": settings}),
    )
    picker.initialize_settings()
    return picker, calls


def names_in(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir()]


def test_jupyter_server_is_told_what_to_load():
    [point] = _jupyter_server_extension_points()
    assert point["app"] is DexecPicker


async def test_a_manager_that_searches_no_folders_is_left_alone_and_said(caplog):
    picker, [begin] = begun(object())
    await begin()
    assert "has no kernel_dirs" in caplog.text
    assert "dexec-kernel sync" in caplog.text
    await picker.stop_extension()


async def test_the_managers_folders_are_as_before_in_the_end(tmp_path):
    manager = SimpleNamespace(kernel_dirs=["/a", "/b"])
    picker, [begin] = begun(manager)
    await begin()
    [made] = (tmp_path / "dexec-picker").iterdir()
    manager.kernel_dirs.append(str(made / "kernels/dexec-web"))
    await picker.stop_extension()
    assert manager.kernel_dirs == ["/a", "/b"]
    assert list((tmp_path / "dexec-picker").iterdir()) == []
    await picker.stop_extension()


async def test_it_can_be_switched_off_and_may_be_stopped_before_it_began():
    manager = SimpleNamespace(kernel_dirs=[])
    _, calls = begun(manager, enabled=False)
    assert calls == []
    picker, [begin] = begun(manager)
    await picker.stop_extension()
    await begin()
    assert manager.kernel_dirs == []


async def test_a_variable_that_cannot_be_read_is_said(monkeypatch, caplog):
    monkeypatch.setenv("DEXEC_PICKER_ONLY_LABELLED", "perhaps")
    manager = SimpleNamespace(kernel_dirs=[])
    picker, [begin] = begun(manager)
    await begin()
    assert "DEXEC_PICKER_ONLY_LABELLED" in caplog.text
    assert manager.kernel_dirs == []
    await picker.stop_extension()


async def test_a_policy_that_cannot_be_used_shows_no_container(monkeypatch, caplog):
    def find():
        raise PolicyUnusable.of("p", ["it is broken"])

    monkeypatch.setattr(extension, "find_policy", find)
    manager = SimpleNamespace(kernel_dirs=[])
    picker, [begin] = begun(manager)
    await begin()
    assert "it is broken" in caplog.text
    assert manager.kernel_dirs == []
    await picker.stop_extension()


async def test_what_a_policy_refuses_is_no_card(monkeypatch, tmp_path):
    shown = asyncio.Event()

    class Watch:
        def __init__(self, _environ, *, on_containers, on_lost, check) -> None:
            self._on_containers, self._check = on_containers, check

        async def run(self) -> None:
            with pytest.raises(PolicyRefused):
                self._check("unix:///other.sock")
            names = ("lab-b", "web", "lab-a")
            await self._on_containers(
                [ContainerSummary(name, name, "img", "running", "Up", {}) for name in names]
            )
            shown.set()

    policy = Policy(file="p", include=("lab-*",), engines=())
    monkeypatch.setattr(extension, "find_policy", lambda: policy)
    monkeypatch.setattr(cards, "EngineWatch", Watch)
    manager = SimpleNamespace(kernel_dirs=[str(tmp_path / "others")])
    (tmp_path / "others").mkdir()
    picker, [begin] = begun(manager)
    await begin()
    await shown.wait()
    assert [names_in(folder) for folder in manager.kernel_dirs] == [
        [],
        ["dexec-lab-a"],
        ["dexec-lab-b"],
    ]
    await picker.stop_extension()


def test_settings_come_before_variables(monkeypatch):
    monkeypatch.setenv("DEXEC_PICKER_INCLUDE", "a*")
    monkeypatch.setenv("DEXEC_PICKER_EXCLUDE", "b*")
    picker, _ = begun(None, include=["c*"], only_labelled=True)
    assert picker.filters() == ContainerFilters(
        include=("c*",), exclude=("b*",), only_labelled=True
    )
