"""The proxy before a cluster, as kubectl chooses it."""

from __future__ import annotations

import base64

import pytest

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube.proxy import is_excepted, proxy_from_environment, proxy_of

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://p:3128", ("p", 3128)),
        ("http://p", ("p", 80)),
        ("p:8080", ("p", 8080)),
        ("http://[::1]:8080/", ("::1", 8080)),
    ],
)
def test_a_proxy_is_a_host_and_a_port(url, place):
    found = proxy_of(url, "X")
    assert (found.host, found.port, found.credentials) == (*place, "")


def test_a_name_and_a_password_are_sent_and_never_shown():
    found = proxy_of(f"http://me:{SECRET}%40@p:1", "X")
    assert base64.b64decode(found.credentials) == f"me:{SECRET}@".encode()
    assert SECRET not in repr(found)
    assert found.credentials not in repr(found)


@pytest.mark.parametrize(
    "url", ["socks5://p:1", "https://me:s3cret@p", "http://", "http://p:port", "http://[p", ":8"]
)
def test_another_kind_of_proxy_is_refused_by_the_name_of_its_setting(url):
    with pytest.raises(ConfigurationError, match=r"The variable HTTPS_PROXY cannot") as raised:
        proxy_from_environment("k8s.example", 443, {"HTTPS_PROXY": url})
    assert SECRET not in str(raised.value)
    assert "SOCKS" in raised.value.advice


def test_the_environment_names_a_proxy_and_what_is_reached_without():
    environ = {"https_proxy": "http://small:1", "NO_PROXY": "10.0.0.0/8"}
    found = proxy_from_environment("k8s.example", 443, environ)
    assert found is not None
    assert (found.host, found.named_by) == ("small", "The variable https_proxy")
    large = proxy_from_environment("k8s.example", 443, {**environ, "HTTPS_PROXY": "http://l:1"})
    assert large is not None
    assert large.host == "l"
    assert proxy_from_environment("10.1.2.3", 443, environ) is None
    assert proxy_from_environment("k8s.example", 443, {"HTTPS_PROXY": ""}) is None
    lower = {"https_proxy": "http://p:1", "no_proxy": "k8s.example"}
    assert proxy_from_environment("k8s.example", 443, lower) is None


@pytest.mark.parametrize(
    ("host", "exceptions"),
    [
        ("localhost", ""),
        ("127.0.0.9", ""),
        ("::1", ""),
        ("any.where", "a, *"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3:443"),
        ("fd00::1", "fd00::/8"),
        ("fd00::1", "[fd00::1]:443"),
        ("K8S.example.", "k8s.Example"),
        ("api.k8s.example", "other,k8s.example"),
        ("api.k8s.example", ".k8s.example"),
        ("api.k8s.example", "*.k8s.example"),
        ("api.k8s.example", " k8s.example:443 "),
    ],
)
def test_exceptions_match_names_addresses_and_networks(host, exceptions):
    assert is_excepted(host, 443, exceptions)


@pytest.mark.parametrize(
    ("host", "exceptions"),
    [
        ("k8s.example", ""),
        ("k8s.example", ",, ,"),
        ("k8s.example", ".k8s.example"),
        ("k8s.example", "*.k8s.example"),
        ("notk8s.example", "k8s.example"),
        ("k8s.example", "k8s.example:6443"),
        ("11.1.2.3", "10.0.0.0/8"),
        ("k8s.example", "10.0.0.0/8"),
        ("10.1.2.30", "10.1.2.3"),
    ],
)
def test_others_go_through_the_proxy(host, exceptions):
    assert not is_excepted(host, 443, exceptions)
