"""The Jupyter server of an environment, read from its configuration."""

from __future__ import annotations

import json

import pytest

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker import server
from dexec_kernel.picker.filters import ContainerFilters
from dexec_kernel.picker.server import EXTENSION, Server, find_server

pytest.importorskip("jupyter_server", reason="this environment has no Jupyter server")


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Return a function that writes one of the user's config files."""
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(folder))
    monkeypatch.setattr(
        server, "_version", {"jupyterlab": "4.6.1", "notebook": "6.5", "jupyter_server": "2"}.get
    )

    def write(name: str, content: object) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)

    return write


def extension(*, on: bool) -> dict[str, object]:
    return {"ServerApp": {"jpserver_extensions": {EXTENSION: on}}}


def test_the_extension_is_on_by_the_folder_of_extensions(config):
    config("jupyter_server_config.d/dexec.json", extension(on=True))
    assert find_server({}) == Server(("JupyterLab 4.6.1",), is_loaded=True)


@pytest.mark.parametrize("name", ["jupyter_server_config.json", "jupyter_lab_config.json"])
def test_the_configuration_of_the_server_goes_first(name, config):
    config("jupyter_server_config.d/dexec.json", extension(on=True))
    assert not find_server({}).is_turned_off
    config(name, extension(on=False))
    found = find_server({})
    assert (found.is_loaded, found.is_turned_off) == (False, True)


def test_settings_of_the_picker(config):
    config(
        "jupyter_lab_config.py",
        "c.DexecPicker.labels = ['a=b']\n"
        "c.DexecPicker.enabled = False\n"
        "c.KernelSpecManager.allowed_kernelspecs = {'dexec-web'}\n",
    )
    found = find_server({"DEXEC_PICKER_LABELS": "x", "DEXEC_PICKER_INCLUDE": "web*"})
    assert not found.is_enabled
    assert found.filters == ContainerFilters(labels=("a=b",), include=("web*",))
    assert found.allowed == {"dexec-web"}


def test_a_config_file_that_is_broken_is_the_servers_to_report(config, capfd):
    config("jupyter_server_config.py", "c.DexecPicker.enabled = (")
    config("jupyter_lab_config.json", "no JSON")
    assert find_server({}).programs
    assert "Traceback" not in capfd.readouterr().err


def test_extensions_that_are_no_table(config):
    config("jupyter_server_config.d/a.json", {"ServerApp": {"jpserver_extensions": ["x"]}})
    config("jupyter_server_config.d/b.json", extension(on=True))
    with pytest.raises(ConfigurationError, match="cannot read its extensions"):
        find_server({})


def test_a_variable_that_cannot_be_read(config):
    config("x/y", "")
    with pytest.raises(ConfigurationError):
        find_server({"DEXEC_PICKER_ONLY_LABELLED": "perhaps"})


@pytest.mark.parametrize(
    "versions", [{}, {"jupyterlab": "4.6"}, {"notebook": "6.5", "jupyter_server": "2"}]
)
def test_an_environment_without_a_server(versions, monkeypatch):
    monkeypatch.setattr(server, "_version", versions.get)
    assert find_server({}) == Server()
