from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dexec_kernel.engine import endpoint as endpoint_module
from dexec_kernel.engine.endpoint import (
    Endpoint,
    TlsConfig,
    find_endpoint,
    parse_host,
    probe,
    well_known_endpoints,
)
from dexec_kernel.engine.ssh.destination import SshDestination
from dexec_kernel.errors import ConfigurationError, EngineUnavailable
from tests.unit.support.docker_config import add_context, use_context

TLS = TlsConfig(Path("ca.pem"), None, None)


@pytest.fixture
def env(tmp_path) -> dict[str, str]:
    """A person without any engine."""
    return {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


@pytest.fixture(autouse=True)
def only_ours(monkeypatch):
    """Hide the sockets of this machine's own engines."""
    everywhere = well_known_endpoints

    def ours(env):
        prefix = env["HOME"].removesuffix("home")
        return (e for e in everywhere(env) if e.path.startswith(prefix))

    monkeypatch.setattr(endpoint_module, "well_known_endpoints", ours)


@pytest.fixture
def short_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dexec-") as directory:
        yield Path(directory)


def listen(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
        ("/run/x.sock", "unix:///run/x.sock"),
        ("unix:///tmp/a b#c?d%2F.sock", "unix:///tmp/a b#c?d%2F.sock"),
        ("tcp://10.0.0.1:2375", "tcp://10.0.0.1:2375"),
        ("tcp://10.0.0.1", "tcp://10.0.0.1:2375"),
        ("tcp://:1234", "tcp://127.0.0.1:1234"),
        ("  tcp://host:1/ ", "tcp://host:1"),
        ("host:1234", "tcp://host:1234"),
        ("host", "tcp://host:2375"),
        ("tcp://[::1]:2375", "tcp://[::1]:2375"),
        ("tcp://[fe80::1]", "tcp://[fe80::1]:2375"),
        ("http://host:80", "tcp://host:80"),
    ],
)
def test_addresses_as_the_docker_command_takes_them(text, url):
    found = parse_host(text, source="DOCKER_HOST")
    assert found.url == url
    assert found.is_unix is url.startswith("unix:")
    assert found.tls is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("npipe:////./pipe/docker", "not npipe://"),
        ("ftp://host", "not ftp://"),
        ("unix://docker.sock", "absolute path"),
        ("unix://", "absolute path"),
        ("tcp://host:99999", "(?i)port"),
        ("tcp://host:abc", "(?i)port"),
        ("tcp://[::1", "(?i)IPv6"),
        ("tcp://host:1/v1.41", "path"),
    ],
)
def test_addresses_that_cannot_be_used(text, said):
    with pytest.raises(ConfigurationError, match=said) as caught:
        parse_host(text, source="DOCKER_HOST")
    assert caught.value.message.startswith("DOCKER_HOST")


@pytest.mark.parametrize("name", ["a" * 64, "a..b", "\udcff"])
def test_a_name_that_cannot_be_looked_up(name):
    with pytest.raises(ConfigurationError, match="DOCKER_HOST is"):
        parse_host(f"tcp://{name}:1", source="DOCKER_HOST")


def test_ssh():
    endpoint = parse_host(" SSH://me@far:22/run/podman.sock ", source="DOCKER_HOST")
    assert endpoint == Endpoint(
        "DOCKER_HOST", ssh=SshDestination("far", "me", 22, "/run/podman.sock")
    )
    assert endpoint.url == "ssh://me@far:22/run/podman.sock"
    assert not endpoint.is_unix
    assert "DOCKER_HOST" in endpoint.advice
    assert "may me use /run/podman.sock" in endpoint.advice


def test_ssh_by_a_context(env):
    add_context(Path(env["HOME"]) / ".docker", "far", "ssh://me@far")
    found = find_endpoint(env | {"DOCKER_CONTEXT": "far"})
    assert found.ssh == SshDestination("far", "me")


@pytest.mark.parametrize(
    "text", ["ssh://me:hunter2@far", "tcp://me:hunter2@far/x", "x://a:hunter2@b"]
)
def test_a_password_is_not_repeated(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_host(text, source="DOCKER_HOST")
    assert "hunter2" not in str(caught.value)


def test_port_and_scheme_decide_on_tls():
    assert parse_host("tcp://h", source="s", tls=TLS) == Endpoint("s", "", "h", 2376, TLS)
    assert parse_host("https://h", source="s").tls == TlsConfig(None, None, None)
    assert parse_host("https://h", source="s", tls=TLS).tls == TLS
    assert parse_host("http://h", source="s", tls=TLS).tls is None


# --- the order ------------------------------------------------------------------------------------


def test_order_of_places(env, tmp_path, short_path):
    config = Path(env["HOME"]) / ".docker"
    add_context(config, "work", "tcp://work:1")
    add_context(config, "other", "tcp://other:1")
    use_context(config, "work")
    env["XDG_RUNTIME_DIR"] = str(short_path / "run")
    env["HOME"] = str(tmp_path / "home")

    named = {**env, "DOCKER_HOST": "tcp://named:1", "DOCKER_CONTEXT": "other"}
    assert find_endpoint(named).url == "tcp://named:1"
    assert find_endpoint(named).source == "DOCKER_HOST"
    assert find_endpoint({**env, "DOCKER_CONTEXT": "other"}).url == "tcp://other:1"
    found = find_endpoint(env)
    assert found.url == "tcp://work:1"
    assert "config.json" in found.source
    assert "'work'" in found.source


@pytest.mark.parametrize("way", ["DOCKER_CONTEXT", "config"])
def test_default_context_means_the_well_known_sockets(env, short_path, way):
    env |= {"HOME": str(short_path / "home"), "XDG_RUNTIME_DIR": str(short_path / "run")}
    config = short_path / "home/.docker"
    add_context(config, "work", "tcp://work:1")
    use_context(config, "work" if way == "DOCKER_CONTEXT" else "default")
    if way == "DOCKER_CONTEXT":
        env["DOCKER_CONTEXT"] = "default"
    with closing(listen(short_path / "run/docker.sock")):
        assert find_endpoint(env).path == str(short_path / "run/docker.sock")


def test_well_known_sockets_in_their_order(short_path):
    env = {"HOME": str(short_path / "home"), "XDG_RUNTIME_DIR": str(short_path / "run")}
    places = [
        "run/docker.sock",
        "home/.docker/run/docker.sock",
        "home/.docker/desktop/docker.sock",
        "run/podman/podman.sock",
    ]
    servers = [listen(short_path / place) for place in places]
    try:
        for server, place in zip(servers, places, strict=True):
            assert find_endpoint(env).path == str(short_path / place)
            server.close()  # The file stays, and nothing listens any more.
    finally:
        for server in servers:
            server.close()


def test_rootful_sockets_come_first():
    env = {"HOME": "home", "XDG_RUNTIME_DIR": "run"}
    paths = [found.path for found in well_known_endpoints(env)]
    assert paths[0] == "/var/run/docker.sock"
    assert paths.index("/run/podman/podman.sock") < paths.index("run/podman/podman.sock")


def test_error_names_every_place_and_what_is_wrong_with_it(short_path):
    env = {"HOME": str(short_path / "home"), "XDG_RUNTIME_DIR": str(short_path / "run")}
    listen(short_path / "run/docker.sock").close()
    (short_path / "home/.docker/run").mkdir(parents=True)
    (short_path / "home/.docker/run/docker.sock").touch()
    with pytest.raises(EngineUnavailable) as caught:
        find_endpoint(env)
    lines = caught.value.message.splitlines()
    assert any("DOCKER_HOST" in line for line in lines)
    assert any("docker context" in line for line in lines)
    for place, fault in {
        "run/docker.sock": "left-over",
        "home/.docker/run/docker.sock": "not a socket",
        "home/.docker/desktop/docker.sock": "no such file",
        "run/podman/podman.sock": "no such file",
    }.items():
        assert any(str(short_path / place) in line and fault in line for line in lines), place
    assert caught.value.advice == endpoint_module.how_to_get_one(env)


def test_where_nothing_listens_the_advice_depends_on_what_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(endpoint_module, "_SYSTEM_PATH", ())
    monkeypatch.setattr(endpoint_module, "_CONTAINER_MARKS", (f"{tmp_path}/mark",))
    env = {"PATH": str(tmp_path)}
    assert "apt install podman" in endpoint_module.how_to_get_one(env)
    (tmp_path / "mark").touch()
    assert "docker run -v" in endpoint_module.how_to_get_one(env)
    (tmp_path / "podman").touch(0o755)
    assert "systemctl start docker" in endpoint_module.how_to_get_one(env)


def test_denied_socket_says_whom_to_ask(env, monkeypatch):
    monkeypatch.setattr(endpoint_module, "probe", lambda _: "permission denied")
    with pytest.raises(EngineUnavailable) as caught:
        find_endpoint(env)
    assert "usermod -aG docker" in caught.value.advice


def test_socket_that_answers_nobody_is_told_from_a_dead_one(short_path, monkeypatch):
    monkeypatch.setattr(endpoint_module, "_PROBE_TIMEOUT", 0.05)
    path = short_path / "full.sock"
    waiting: list[socket.socket] = []
    with closing(listen(path)) as server:
        server.listen(0)
        for _ in range(3):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(0)
            client.connect_ex(str(path))
            waiting.append(client)
        try:
            assert probe(Endpoint("test", path=str(path))) == "nothing answers"
        finally:
            for client in waiting:
                client.close()


def test_path_that_is_too_long_for_a_socket_says_so(tmp_path, monkeypatch):
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    try:
        with closing(listen(Path(f"/proc/self/fd/{here}/s"))):
            assert "too long" in probe(Endpoint("test", path=str(folder / "s")))
    finally:
        os.close(here)


def test_user_without_a_home_gets_the_ordinary_error(monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    monkeypatch.setattr(endpoint_module, "well_known_endpoints", lambda env: iter(()))
    assert list(well_known_endpoints({}))
    with pytest.raises(EngineUnavailable):
        find_endpoint({})


# --- TLS ------------------------------------------------------------------------------------------


def pem(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.pem").touch()
    return folder


@pytest.mark.parametrize(
    ("files", "extra", "verify"),
    [
        (("ca", "cert", "key"), {"DOCKER_TLS_VERIFY": "1"}, True),
        (("ca",), {"DOCKER_TLS_VERIFY": "0"}, True),  # As the docker command: any value.
        (("cert", "key"), {"DOCKER_TLS": "1"}, False),
        ((), {"DOCKER_TLS": "1"}, False),
    ],
)
def test_tls_of_the_environment(env, tmp_path, files, extra, verify):
    folder = pem(tmp_path / "certs", *files)
    env |= {"DOCKER_HOST": "tcp://h", "DOCKER_CERT_PATH": str(folder), **extra}
    found = find_endpoint(env)
    expected = {n: folder / f"{n}.pem" if n in files else None for n in ("ca", "cert", "key")}
    assert found.tls == TlsConfig(**expected, verify=verify)
    assert found.port == 2376


def test_tls_files_default_to_the_docker_configuration(env):
    folder = pem(Path(env["HOME"]) / ".docker", "ca")
    found = find_endpoint({**env, "DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1"})
    assert found.tls == TlsConfig(folder / "ca.pem", None, None)


def test_verification_without_ca_is_an_error(env):
    with pytest.raises(ConfigurationError, match=r"ca\.pem.* does not exist"):
        find_endpoint({**env, "DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1"})


@pytest.mark.parametrize("verify", [True, False])
def test_tls_of_a_context(env, verify):
    config = Path(env["HOME"]) / ".docker"
    folder = add_context(config, "far", "tcp://far:2376", skip_tls_verify=not verify)
    pem(folder, "ca", "cert", "key")
    found = find_endpoint({**env, "DOCKER_CONTEXT": "far"})
    files = [folder / f"{name}.pem" for name in ("ca", "cert", "key")]
    assert found.tls == TlsConfig(*files, verify=verify)
