from __future__ import annotations

import json
from pathlib import Path

import pytest

from dexec_kernel.engine import endpoint as endpoint_module
from dexec_kernel.engine.contexts import context_names, read_context
from dexec_kernel.engine.endpoint import find_endpoint
from dexec_kernel.errors import ConfigurationError, EngineUnavailable
from tests.unit.support.docker_config import add_context, use_context


@pytest.fixture
def env(tmp_path, monkeypatch) -> dict[str, str]:
    """A person without any engine."""
    monkeypatch.setattr(endpoint_module, "well_known_endpoints", lambda env: iter(()))
    return {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


@pytest.mark.parametrize("content", ["{", "[]", '"x"', "\0"])
def test_malformed_configuration_is_an_error_that_names_the_file(env, content):
    config = Path(env["HOME"]) / ".docker"
    config.mkdir(parents=True)
    (config / "config.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"config\.json"):
        find_endpoint(env)


def test_unreadable_configuration_is_an_error(env):
    config = Path(env["HOME"]) / ".docker"
    config.mkdir(parents=True)
    (config / "config.json").write_bytes(b'{"currentContext": "\xff"}')
    with pytest.raises(ConfigurationError, match=r"config\.json"):
        find_endpoint(env)


@pytest.mark.parametrize("content", ["{}", '{"currentContext": ""}', '{"currentContext": null}'])
def test_configuration_without_a_context_is_fine(env, tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(EngineUnavailable):
        find_endpoint({**env, "DOCKER_CONFIG": str(tmp_path)})


def test_docker_config_names_another_folder(env, tmp_path):
    add_context(tmp_path / "elsewhere", "work", "unix:///w.sock")
    use_context(tmp_path / "elsewhere", "work")
    assert find_endpoint({**env, "DOCKER_CONFIG": str(tmp_path / "elsewhere")}).path == "/w.sock"


def test_missing_context_names_those_that_exist(env):
    config = Path(env["HOME"]) / ".docker"
    add_context(config, "blue", "tcp://b")
    add_context(config, "red", "tcp://r")
    broken = config / "contexts/meta/0000"
    broken.mkdir()
    (broken / "meta.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"'green'.*known: blue, red") as caught:
        find_endpoint({**env, "DOCKER_CONTEXT": "green"})
    assert "DOCKER_CONTEXT" in caught.value.message
    assert sorted(context_names(config)) == ["blue", "red"]


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"Endpoints": None},
        {"Endpoints": {}},
        {"Endpoints": {"docker": {}}},
        {"Endpoints": {"kubernetes": {"Host": "x"}}},
        {"Endpoints": ["docker"]},
        {"Endpoints": {"docker": "tcp://h"}},
    ],
)
def test_context_without_a_docker_endpoint_is_an_error(tmp_path, meta):
    folder = add_context(tmp_path, "odd", "tcp://x")
    path = tmp_path / "contexts/meta" / folder.parent.name / "meta.json"
    path.write_text(json.dumps({"Name": "odd", **meta}))
    with pytest.raises(ConfigurationError, match=r"odd|meta\.json"):
        read_context(tmp_path, "odd", source="test")
