"""The doctor on the Jupyter server: whether there is one, and how many containers it shows."""

from __future__ import annotations

import sys

import pytest

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.cli import checks_server
from dexec_kernel.cli.checks_server import check_picker, check_server
from dexec_kernel.cli.findings import Verdict
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker.filters import ContainerFilters
from dexec_kernel.picker.server import Server

LAB = ("JupyterLab 4.6", "Notebook 7.6")
SHOWS = Server(LAB, is_loaded=True)


@pytest.fixture
def server_is(monkeypatch):
    """Return a function that says which server there is."""

    def is_there(found: Server) -> None:
        monkeypatch.setattr(checks_server, "find_server", lambda _environ: found)

    return is_there


def containers(*names: str) -> list[ContainerSummary]:
    return [ContainerSummary(name * 9, name, "img", "running", "Up", {}) for name in names]


def test_a_server_that_shows_containers(server_is):
    server_is(SHOWS)
    found = check_server({})
    assert found.status is Verdict.OK
    assert found.message == "JupyterLab 4.6, Notebook 7.6; the extension dexec_kernel.picker is on"


def test_an_environment_without_a_server(server_is, tmp_path):
    server_is(Server())
    found = check_server({"PATH": str(tmp_path)})
    assert found.status is Verdict.WARNING
    assert sys.prefix in found.message
    assert found.fix.endswith("-m pip install jupyterlab")
    (tmp_path / "jupyter-lab").touch(0o755)
    found = check_server({"PATH": str(tmp_path)})
    assert f"{tmp_path}/jupyter-lab belongs to another one" in found.message
    assert "dexec-kernel install --user" in found.fix


def test_a_server_whose_extension_is_off(server_is):
    server_is(Server(LAB))
    found = check_server({})
    assert found.status is Verdict.WARNING
    assert "jupyter server extension enable --sys-prefix dexec_kernel.picker" in found.fix
    # To enable it would change nothing.
    server_is(Server(LAB, is_turned_off=True))
    found = check_server({})
    assert "turns the extension dexec_kernel.picker off" in found.message
    assert "jpserver_extensions" in found.fix
    server_is(Server(LAB, is_loaded=True, is_enabled=False))
    assert "c.DexecPicker.enabled is False" in check_server({}).message


def test_settings_that_cannot_be_read(monkeypatch):
    def fail(_environ):
        raise ConfigurationError("neither true nor false", advice="Set it to 1.")

    monkeypatch.setattr(checks_server, "find_server", fail)
    found = check_server({})
    assert (found.status, found.fix) == (Verdict.WARNING, "Set it to 1.")
    assert not check_picker({}, containers("web")).ends


@pytest.mark.parametrize(
    ("server", "names", "status", "words"),
    [
        (SHOWS, ["web", "db"], Verdict.OK, "the launcher shows 2 containers: db (img), web (img)"),
        (SHOWS, ["web"], Verdict.OK, "the launcher shows 1 container: web (img)"),
        (SHOWS, [], Verdict.OK, "the launcher shows no container"),
        (SHOWS, [f"c{n:02}" for n in range(10)], Verdict.OK, "c07 (img), 2 more"),
        (Server(), ["web"], Verdict.SKIPPED, "it would show 1 container"),
        (
            Server(LAB, is_loaded=True, filters=ContainerFilters(include=("x*",))),
            ["web"],
            Verdict.WARNING,
            "shows none of 1 container: the picker's filters hide all",
        ),
        (
            Server(LAB, is_loaded=True, allowed=frozenset({"dexec-web"})),
            ["web", "db"],
            Verdict.WARNING,
            "shows 1 container of 2: c.KernelSpecManager.allowed_kernelspecs hides the others",
        ),
    ],
)
def test_how_many_containers_the_launcher_shows(server, names, status, words, server_is):
    server_is(server)
    found = check_picker({}, containers(*names))
    assert found.status is status
    assert words in found.message
