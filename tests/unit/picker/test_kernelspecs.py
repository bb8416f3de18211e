"""Kernelspecs for containers: names, content, folders, and the kernelspecs that they never hide."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager, _is_valid_kernel_name

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker import kernelspecs
from dexec_kernel.picker.kernelspecs import bound_spec, engine_env, install, spec_name

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of our own; Jupyter sees that and this Python's environment."""
    for name in ("JUPYTER_PATH", "JUPYTER_PREFER_ENV_PATH", "JUPYTER_NO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "home/jupyter"))
    return tmp_path / "home"


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """A prefix that Jupyter looks into, and into no other: people use this environment too."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "prefix/share/jupyter"))
    for place in ("ENV", "SYSTEM"):
        monkeypatch.setattr(f"jupyter_core.paths.{place}_JUPYTER_PATH", [])
    return str(tmp_path / "prefix")


def content_of(path: Path) -> dict[str, object]:
    return json.loads((path / "kernel.json").read_text())


@pytest.mark.parametrize(
    ("container", "name"),
    [
        ("web", "dexec-web"),
        ("Web_1.a", "dexec-web_1.a"),
        ("compose:shop/web", "dexec-shop-web"),
        ("compose:My Shop/[db]", "dexec-my-shop-db"),
        ("web.", "dexec-web"),
    ],
)
def test_a_name_is_made_from_the_containers(container, name):
    assert spec_name(container) == name
    assert _is_valid_kernel_name(name)


def test_a_container_without_a_usable_character_gets_a_number():
    names = {spec_name("日本"), spec_name("本日"), spec_name("..")}
    assert len(names) == 3
    assert all(_is_valid_kernel_name(name) and len(name) < 20 for name in names)


def test_a_container_with_a_long_name_gets_a_short_one():
    names = {spec_name("a" * 300), spec_name("a" * 301)}
    assert len(names) == 2
    assert all(len(name) < 30 for name in names)


@pytest.mark.parametrize(
    "name", ["..", ".", ".x", "a/b", "../x", "a b", "ä", "-x", "x\n", "a" * 101]
)
def test_a_name_that_jupyter_does_not_take_is_refused(name):
    with pytest.raises(ConfigurationError, match="cannot be the name") as caught:
        bound_spec("web", name=name)
    assert "--name" in caught.value.advice


def test_a_given_name_is_kept_in_lower_case_as_jupyter_does():
    assert bound_spec("web", name="My.Web").name == "my.web"


def test_the_content_is_that_of_our_kernelspec_and_the_container():
    ours = json.loads((ROOT / "kernelspec/kernel.json").read_text())
    made = bound_spec("compose:shop/web").to_json()
    assert {**made, "argv": [], "display_name": "", "metadata": {}} == {
        **ours,
        "argv": [],
        "display_name": "",
        "metadata": {},
    }
    assert made["argv"][0] == sys.executable
    assert made["argv"][1:] == [
        *("-m", "dexec_kernel", "--container", "compose:shop/web", "-f"),
        "{connection_file}",
    ]
    assert made["metadata"] == {**ours["metadata"], "dexec": {"container": "compose:shop/web"}}
    assert made["display_name"] == "shop/web (container)"
    assert "env" not in made


def test_a_dollar_in_the_environment_is_kept_from_jupyter():
    env = {"DOCKER_HOST": "unix:///a$HOME/${x}"}
    assert bound_spec("web", env=env).to_json()["env"] == {"DOCKER_HOST": "unix:///a$$HOME/$${x}"}


def test_the_engine_that_was_named_is_kept(tmp_path):
    assert engine_env({"HOME": str(tmp_path)}) == {}
    assert engine_env({"DOCKER_HOST": " unix:///s ", "DOCKER_TLS_VERIFY": "1"}) == {
        "DOCKER_HOST": "unix:///s"
    }
    assert engine_env({"DOCKER_HOST": "tcp://h:1", "DOCKER_CONTEXT": "other"}) == {
        "DOCKER_HOST": "tcp://h:1",
        "DOCKER_TLS_VERIFY": "",
        "DOCKER_TLS": "",
        "DOCKER_CERT_PATH": "",
    }


def test_the_certificates_of_the_engine_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tls = {"DOCKER_HOST": "tcp://h:1", "DOCKER_TLS_VERIFY": "1", "HOME": "/h"}
    assert engine_env(tls)["DOCKER_CERT_PATH"] == "/h/.docker"
    kept = engine_env({**tls, "DOCKER_CERT_PATH": "certs"})
    assert kept["DOCKER_CERT_PATH"] == str(tmp_path / "certs")
    assert kept["DOCKER_TLS_VERIFY"] == "1"


def test_the_docker_context_is_kept(tmp_path):
    folder = tmp_path / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text('{"currentContext": "far"}')
    env = {"HOME": str(tmp_path)}
    assert engine_env(env) == {"DOCKER_HOST": "", "DOCKER_CONTEXT": "far"}
    assert engine_env({**env, "DOCKER_CONTEXT": "near"})["DOCKER_CONTEXT"] == "near"
    assert engine_env({**env, "DOCKER_CONTEXT": "default"}) == {}
    kept = engine_env({"DOCKER_CONFIG": str(folder)})
    assert kept["DOCKER_CONFIG"] == str(folder)


def test_it_is_installed_below_a_prefix_and_found(prefix):
    installed = install(bound_spec("web", display_name="Wéb"), prefix=prefix)
    assert installed.path == Path(prefix, "share/jupyter/kernels/dexec-web")
    assert installed.is_found
    assert stat.S_IMODE(installed.path.stat().st_mode) == 0o755
    spec = KernelSpecManager().get_kernel_spec("dexec-web")
    assert spec.display_name == "Wéb"
    assert spec.interrupt_mode == "message"
    assert [found.container for found in kernelspecs.bound_specs()] == ["web"]


def test_a_prefix_that_jupyter_does_not_look_into(tmp_path):
    installed = install(bound_spec("web"), prefix=str(tmp_path / "far"))
    assert installed.path.is_dir()
    assert installed.found is None
    assert not installed.is_found


def test_it_is_installed_for_the_user(home):
    installed = install(bound_spec("web"), user=True)
    assert installed.path == home / "jupyter/kernels/dexec-web"
    assert installed.is_found


@pytest.mark.parametrize("in_environment", [True, False])
def test_without_a_place_it_goes_where_jupyter_looks_first(
    in_environment, home, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    monkeypatch.setattr(kernelspecs, "prefer_environment_over_user", lambda: in_environment)
    place = tmp_path / "env/share/jupyter" if in_environment else home / "jupyter"
    assert install(bound_spec("web")).path == place / "kernels/dexec-web"


def test_it_has_logos(prefix):
    installed = install(bound_spec("compose:shop/db"), prefix=prefix)
    assert {file.name for file in installed.path.iterdir()} == {
        *("kernel.json", "logo-svg.svg", "logo-64x64.png")
    }
    assert b">SD</text>" in (installed.path / "logo-svg.svg").read_bytes()


def test_the_kernelspec_of_the_same_container_is_written_anew(prefix):
    install(bound_spec("web", display_name="one"), prefix=prefix)
    path = install(bound_spec("web", display_name="two"), prefix=prefix).path
    assert content_of(path)["display_name"] == "two"


def test_another_containers_kernelspec_is_replaced_only_when_asked_for(prefix):
    path = install(bound_spec("web"), prefix=prefix).path
    with pytest.raises(ConfigurationError, match="of the container 'web'") as caught:
        install(bound_spec("Web"), prefix=prefix)
    assert "--replace" in caught.value.advice
    assert content_of(path)["metadata"]["dexec"] == {"container": "web"}
    install(bound_spec("Web"), prefix=prefix, replace=True)
    assert content_of(path)["metadata"]["dexec"] == {"container": "Web"}


@pytest.mark.parametrize("name", ["python3", "dexec", "PYTHON3"])
def test_another_kernel_is_not_hidden_either(name, home):
    with pytest.raises(ConfigurationError, match="of another kernel"):
        install(bound_spec("web", name=name), user=True)
    assert not (home / "jupyter/kernels").exists()


def test_a_broken_kernelspec_is_not_written_over(prefix):
    folder = Path(prefix, "share/jupyter/kernels/dexec-web")
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text("[]")
    with pytest.raises(ConfigurationError, match="of another kernel"):
        install(bound_spec("web"), prefix=prefix)
    assert list(kernelspecs.bound_specs()) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot be written to .*dexec-web: Not a dir"):
        install(bound_spec("web"), prefix=str(tmp_path / "file"))


def test_our_own_kernelspec_is_bound_to_nothing():
    spec = kernelspecs.find_spec("dexec")
    assert spec is not None
    assert spec.is_ours
    assert spec.container == ""
    assert kernelspecs.find_spec("no-such-kernel") is None
