"""The HTTP proxy before a cluster's API server, chosen as kubectl chooses it. No I/O.

Source: Go, golang.org/x/net/http/httpproxy, which kubectl uses.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote, urlsplit

from dexec_kernel.errors import ConfigurationError

_PORT = 80
#: The place of a setting in a file, and in the environment.
KUBECONFIG = "The kubeconfig's proxy-url"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that passes connections on. ``credentials`` is what HTTP's Basic has."""

    host: str
    port: int
    #: What names it, for errors: its URL may have a password in it.
    named_by: str
    credentials: str = field(default="", repr=False)


def proxy_of(url: str, named_by: str) -> Proxy:
    """Return the proxy of a URL. Raises :class:`ConfigurationError`."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigurationError(
            f"{named_by} cannot be used: it is to look like http://HOST:PORT.",
            advice="Proxies with TLS of their own (https://) and SOCKS are not supported.",
        )
    user = ""
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        user = base64.b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, port or _PORT, named_by, user)


def proxy_from_environment(host: str, port: int, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a server with TLS that the environment names, None for none.

    Raises :class:`ConfigurationError` for one that cannot be used.
    """
    for name in ("HTTPS_PROXY", "https_proxy"):
        if url := environ.get(name, ""):
            excepted = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
            if is_excepted(host, port, excepted):
                return None
            return proxy_of(url, f"The variable {name}")
    return None


def is_excepted(host: str, port: int, exceptions: str) -> bool:
    """Return whether ``NO_PROXY`` has a server be reached without the proxy.

    That is a list with commas of ``*``, addresses, networks (``10.0.0.0/8``) and names, which stand
    for all below them too; each may have a port. This machine never has a proxy before it.
    """
    host = host.lower().rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(
        _matches(host, address, port, entry.strip().lower())
        for entry in exceptions.split(",")
        if entry.strip()
    )


def _matches(host: str, address: IPv4Address | IPv6Address | None, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        pass
    else:
        return address is not None and address in network
    name, has_port, wanted = entry.rpartition(":")
    if not has_port:
        name, wanted = entry, ""
    if wanted and wanted != str(port):
        return False
    name = name.strip("[]")
    if (literal := _address(name)) is not None:
        return address == literal
    if name.startswith((".", "*.")):
        return host.endswith(name.removeprefix("*"))
    return host == name or host.endswith(f".{name}")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
