from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.engine.ssh.destination import (
    DEFAULT_SOCKET,
    SshDestination,
    parse_ssh,
    without_password,
)
from dexec_kernel.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ssh://far", SshDestination("far")),
        ("SSH://Far", SshDestination("Far")),
        ("ssh://far/", SshDestination("far")),
        ("ssh://me@far", SshDestination("far", "me")),
        ("ssh://me@far:2222", SshDestination("far", "me", 2222)),
        ("ssh://far:65535", SshDestination("far", port=65535)),
        ("ssh://far/run/podman.sock", SshDestination("far", socket="/run/podman.sock")),
        ("ssh://far/run/podman.sock/", SshDestination("far", socket="/run/podman.sock")),
        ("ssh://far//", SshDestination("far")),
        ("ssh://far/a%20b.sock", SshDestination("far", socket="/a b.sock")),
        ("ssh://[::1]:22/x", SshDestination("::1", port=22, socket="/x")),
        ("ssh://me@[fe80::1%25eth0]", SshDestination("fe80::1%eth0", "me")),
        ("ssh://first.last%5Cx@far", SshDestination("far", "first.last\\x")),
        ("ssh://me%40example.com@far", SshDestination("far", "me@example.com")),
        ("ssh://me@example.com@far", SshDestination("far", "me@example.com")),
        ("ssh://my_alias-1", SshDestination("my_alias-1")),
    ],
)
def test_addresses(url, expected):
    assert parse_ssh(url, source="DOCKER_HOST") == expected
    assert parse_ssh(expected.url, source="DOCKER_HOST") == expected


def test_arguments_cannot_be_options():
    destination = parse_ssh("ssh://me@far:2222", source="DOCKER_HOST")
    assert destination.arguments == ["-l", "me", "-p", "2222", "--", "far"]
    assert parse_ssh("ssh://far", source="DOCKER_HOST").arguments == ["--", "far"]
    assert destination.command("-v") == "ssh -p 2222 -v me@far"
    assert (destination.known_as, SshDestination("far").known_as) == ("[far]:2222", "far")
    assert destination.socket == DEFAULT_SOCKET


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ssh://-oProxyCommand=touch%20x", "begin with '-'"),
        ("ssh://-oProxyCommand=x/run", "begin with '-'"),
        ("ssh://-l@far", "the user has characters"),
        ("ssh://a b@far", "the user has characters"),
        ("ssh://a%20b@far", "the user has characters"),
        ("ssh://a%0ab@far", "the user has characters"),
        ("ssh://$(id)@far", "the user has characters"),
        ("ssh://a%5C@far", "the user has characters"),
        ("ssh://@far", "the user is empty"),
        ("ssh://`id`", "the host has characters"),
        ("ssh://a;b", "the host has characters"),
        ("ssh://a b", "the host has characters"),
        ("ssh://a\nb", "the host has characters"),
        ("ssh://a%2Fb", "the host has characters"),
        ("ssh://a\\b", "the host has characters"),
        ("ssh://", "the host is missing"),
        ("ssh:///run/docker.sock", "the host is missing"),
        ("ssh://:22", "the host is missing"),
        ("ssh://far:", "the port is not a number"),
        ("ssh://far:0", "the port is not a number"),
        ("ssh://far:65536", "the port is not a number"),
        ("ssh://far:-1", "the port is not a number"),
        ("ssh://far:٣", "the port is not a number"),
        ("ssh://far:" + "9" * 5000, "the port is not a number"),
        ("ssh://2001:db8::7", "needs brackets"),
        ("ssh://[far]", "not an IPv6 address"),
        ("ssh://[::1", "not an IPv6 address"),
        ("ssh://[::1]x", "not an IPv6 address"),
        ("ssh://[::1%25]", "not an IPv6 address"),
        ("ssh://[::1%25$(id)]", "not an IPv6 address"),
        ("ssh://far/~/docker.sock", "no shell there reads the '~'"),
        ("ssh://far?x=1", "no query"),
        ("ssh://far/x.sock?y", "no query"),
        ("ssh://far#x", "no query"),
        ("ssh://far/%25h.sock", "the socket's path"),
        ("ssh://far/${HOME}.sock", "the socket's path"),
        ("ssh://far/a:b", "the socket's path"),
        ("ssh://far/a%0Ab", "the socket's path"),
        # Bytes of the environment that are no UTF-8.
        ("ssh://far/\udcff", "the socket's path"),
        ("ssh://f\udcffr", "the host has characters"),
        ("ssh://\udcff@far", "the user has characters"),
    ],
)
def test_refused(url, reason):
    with pytest.raises(ConfigurationError, match=reason) as caught:
        parse_ssh(url, source="DOCKER_HOST")
    assert caught.value.message.startswith("DOCKER_HOST is ")
    assert "ssh://" in caught.value.advice


@pytest.mark.parametrize(
    "url",
    [
        "ssh://me:hunter2@far",
        "ssh://me:hunter2@far:99999",
        "ssh://me:hun/ter2@far",
        "ssh://me:hun?ter2@far",
        "ssh://me:hun@ter2@far",
        "ssh://me:x:hunter2@far",
        "ssh://:hunter2@far",
        "tcp://me:hunter2@far",
    ],
)
def test_a_password_is_refused_and_never_repeated(url):
    shown = without_password(url)
    assert "hun" not in shown
    assert "ter2" not in shown
    if url.startswith("ssh"):
        with pytest.raises(ConfigurationError) as caught:
            parse_ssh(url, source="DOCKER_HOST")
        assert "hun" not in str(caught.value)
        assert "ter2" not in str(caught.value)
        assert "ssh-add" in caught.value.advice


def test_without_password_leaves_others_alone():
    for url in ("ssh://far", "ssh://me@far:22/x", "tcp://far:2375", "far:2375", ""):
        assert without_password(url) == url


@pytest.mark.no_cover  # Its many examples would take twice as long.
@given(st.text(st.characters()))
def test_any_text_is_a_safe_destination_or_refused(rest):
    try:
        found = parse_ssh(f"ssh://{rest}", source="DOCKER_HOST")
    except ConfigurationError:
        return
    assert found.host
    assert not found.host.startswith("-")
    assert not found.user.startswith("-")
    assert not set(found.host + found.user) & set("'\"`$;&<>|(){} \n\t\0")
    assert parse_ssh(found.url, source="DOCKER_HOST") == found
