"""The way to a node's engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from dexec_kernel.engine.swarm import Node
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.swarm.ways import NodeHosts, find_way
from tests.unit.support.docker_config import add_context

NODE = Node("abc", "node2", "10.0.0.2", "ready")


@pytest.fixture
def env(tmp_path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def url(hosts: str, env: dict[str, str], node: Node = NODE) -> str:
    return find_way(node, NodeHosts.parse(hosts), env).url


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("node1=tcp://x NODE2=ssh://root@far", "ssh://root@far"),
        ("abc=tcp://10.0.0.9:1", "tcp://10.0.0.9:1"),
        ("10.0.0.2=unix:///a=b", "unix:///a=b"),
        ("*=ssh://root@{address} node1=tcp://x", "ssh://root@10.0.0.2"),
        ("*=ssh://{node}:2222/run/x.sock", "ssh://node2:2222/run/x.sock"),
        ("*=tcp://x node2=tcp://y", "tcp://y:2375"),
    ],
)
def test_the_setting(hosts, expected, env):
    assert url(hosts, env) == expected


def test_an_ipv6_address(env):
    node = Node("abc", "node2", "fd00::2", "ready")
    assert url("*=tcp://{address}:1", env, node) == "tcp://[fd00::2]:1"
    assert url("fd00::2=ssh://x", env, node) == "ssh://x"
    with pytest.raises(ConfigurationError) as caught:
        url("", env, node)
    assert "ssh://USER@[fd00::2]" in caught.value.advice


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        ("node1", "has 'node1', which is not NODE=ADDRESS"),
        ("=tcp://x", "which is not NODE=ADDRESS"),
        ("node1=", "which is not NODE=ADDRESS"),
        ("a=tcp://x A=tcp://y", "two addresses for 'A'"),
        ("a=ftp://x", "DEXEC_NODE_HOSTS, a is 'ftp://x'"),
        ("a=ssh://me:secret@x", "password"),
    ],
)
def test_mistakes_are_told_before_the_node_is_needed(hosts, reason):
    with pytest.raises(ConfigurationError, match=reason) as caught:
        NodeHosts.parse(hosts)
    assert "secret" not in str(caught.value)


def test_a_node_cannot_choose_another_address(env):
    node = Node("abc", "x/run/evil.sock", "10.0.0.2", "ready")
    with pytest.raises(ConfigurationError, match="no way to"):
        url("*=ssh://root@{node}", env, node)


def test_tls_is_that_of_the_environment(env, tmp_path):
    env |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    assert url("node2=ssh://far", env) == "ssh://far"
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        url("node2=tcp://far", env)
    (tmp_path / "ca.pem").touch()
    found = find_way(NODE, NodeHosts.parse("node2=tcp://far"), env)
    assert (found.url, found.tls is not None) == ("tcp://far:2376", True)
    assert found.source == "DEXEC_NODE_HOSTS, node2"


def test_contexts(env):
    config = Path(env["HOME"]) / ".docker"
    add_context(config, "broken", "ftp://nowhere")
    add_context(config, "other", "tcp://10.0.0.3:2375")
    with pytest.raises(ConfigurationError):
        url("", env)
    add_context(config, "by-tcp", "tcp://10.0.0.2:2375")
    assert url("", env) == "tcp://10.0.0.2:2375"
    add_context(config, "Node2", "ssh://me@jump")
    assert url("", env) == "ssh://me@jump", "its name says it"
    assert find_way(NODE, NodeHosts.parse(""), env).source == "a docker context, context 'Node2'"
    assert url("node2=tcp://x", env) == "tcp://x:2375", "the setting goes first"


def test_a_context_by_the_host_of_its_ssh_address(env):
    add_context(Path(env["HOME"]) / ".docker", "far", "ssh://me@node2")
    assert url("", env) == "ssh://me@node2"


def test_no_way(env):
    with pytest.raises(ConfigurationError) as caught:
        url("node1=tcp://x", env)
    assert "the node 'node2' (10.0.0.2)" in caught.value.message
    assert "DEXEC_NODE_HOSTS='node2=ssh://USER@10.0.0.2'" in caught.value.advice
    assert "docker context create node2" in caught.value.advice
    with pytest.raises(ConfigurationError, match=r"the node 'abc' \(address unknown"):
        url("", env, Node("abc", "", "", "down"))


def test_entries_with_commas_between():
    with pytest.raises(ConfigurationError) as caught:
        NodeHosts.parse("a=tcp://x,b=tcp://y")
    assert caught.value.advice.startswith("Write spaces between entries, no commas. For example")
