"""An ``ssh://`` address, as the docker command has it: ``ssh://[USER@]HOST[:PORT][/SOCKET]``.

Everything here ends up as an argument of ssh, and in the shell commands of the user's ssh
configuration (``ProxyCommand``, ``Match exec``): names that could mean something there are refused.
No I/O.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, unquote

from dexec_kernel.errors import ConfigurationError

SCHEME = "ssh://"
#: Where Docker listens on the other machine, unless the address says otherwise.
DEFAULT_SOCKET = "/var/run/docker.sock"

_HIGHEST_PORT = 65_535
_EXAMPLE = "For example ssh://me@engine.example.com:22/run/user/1000/podman/podman.sock"
#: Characters that ssh or a shell may give a meaning, or that cannot be seen. The last range is of
#: bytes in the environment that are no UTF-8.
_UNSAFE_NAME = re.compile(r"""[\s\x00-\x1f\x7f'"`$;&<>|(){}*?!#%~^@:/,\[\]\ud800-\udfff]""")
#: Users of a directory service are called ``me@example.com``. ssh is told of them by ``-l``.
_SAFE_IN_USER = "@"
#: ssh reads the first four in a path of ``-L`` as its own syntax.
_UNSAFE_PATH = re.compile(r"[:%$\\\[\]\x00-\x1f\x7f\ud800-\udfff]")


class _Refuse(Protocol):
    def __call__(self, reason: str, advice: str = ...) -> ConfigurationError: ...


@dataclass(frozen=True, slots=True)
class SshDestination:
    """The other machine, as ssh is told of it, and the engine's ``socket`` there.

    ``user`` "" and ``port`` None leave the choice to the user's ssh configuration.
    """

    host: str
    user: str = ""
    port: int | None = None
    socket: str = DEFAULT_SOCKET

    @property
    def url(self) -> str:
        """The address as DOCKER_HOST would have it."""
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        socket = "" if self.socket == DEFAULT_SOCKET else self.socket
        return f"{SCHEME}{user}{host}{port}{quote(socket)}"

    @property
    def arguments(self) -> list[str]:
        """The arguments of ssh that name the other machine. Nothing may follow but a command."""
        user = ["-l", self.user] if self.user else []
        port = [] if self.port is None else ["-p", str(self.port)]
        return [*user, *port, "--", self.host]

    def command(self, *options: str) -> str:
        """Return the ssh command for a person to type."""
        user = f"{self.user}@" if self.user else ""
        port = [] if self.port is None else ["-p", str(self.port)]
        return shlex.join(["ssh", *port, *options, f"{user}{self.host}"])

    @property
    def known_as(self) -> str:
        """The name of the machine in known_hosts, unless the ssh configuration has another."""
        return self.host if self.port in {None, 22} else f"[{self.host}]:{self.port}"


def without_password(url: str) -> str:
    """Return an address as it may be shown: without the password that somebody put into it."""
    scheme, separator, rest = url.rpartition("://")
    user, at, place = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    return f"{scheme}{separator}{name}{colon and ':…'}{at}{place}"


def parse_ssh(url: str, *, source: str) -> SshDestination:
    """Read an ``ssh://`` address; ``source`` says in words where it comes from.

    Raises :class:`ConfigurationError`, which never repeats a password.
    """
    shown = without_password(url)

    def refuse(reason: str, advice: str = _EXAMPLE) -> ConfigurationError:
        return ConfigurationError(f"{source} is {shown!r}: {reason}.", advice=advice)

    place, slash, path = url[len(SCHEME) :].partition("/")
    user, at, machine = place.rpartition("@")
    if ":" in user or (not at and "@" in path):
        raise refuse(
            "a password in the address is not used",
            "Leave it out, and load a key into the agent (`ssh-add`): ssh cannot ask for it here.",
        )
    if "?" in url or "#" in url:
        raise refuse("an ssh address has no query and no fragment")
    user = unquote(user)
    if at and not user:
        raise refuse("the user is empty")
    bare = user.replace(_SAFE_IN_USER, "")
    if user and (_UNSAFE_NAME.search(bare) or user.startswith("-") or user.endswith("\\")):
        raise refuse("the user has characters that ssh or a shell would take for something else")
    host, port = _machine(machine, refuse)
    socket = unquote(f"{slash}{path}")
    if _UNSAFE_PATH.search(socket):
        raise refuse("the socket's path has characters that ssh would take for something else")
    if socket.startswith("/~"):
        raise refuse(
            "no shell there reads the '~'", "Write the whole path: ssh://me@far/home/me/x.sock"
        )
    return SshDestination(host, user, port, socket.rstrip("/") or DEFAULT_SOCKET)


def _machine(machine: str, refuse: _Refuse) -> tuple[str, int | None]:
    """Return host and port. Raises what ``refuse`` makes."""
    if machine.startswith("["):
        host, bracket, rest = machine[1:].partition("]")
        host = host.replace("%25", "%", 1)
        if not bracket or not _is_ipv6(host) or (rest and not rest.startswith(":")):
            raise refuse("the address in brackets is not an IPv6 address")
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = machine.partition(":")
        if ":" in port:
            raise refuse("an IPv6 address needs brackets", "For example ssh://me@[2001:db8::7]:22")
        if not host:
            raise refuse("the host is missing")
        if host.startswith("-"):
            raise refuse("a host cannot begin with '-': ssh would take it for an option")
        if _UNSAFE_NAME.search(host) or "\\" in host:
            raise refuse("the host has characters that no host's name has")
    if not colon:
        return host, None
    is_number = port.isascii() and port.isdecimal() and len(port) <= len(str(_HIGHEST_PORT))
    if not is_number or not 0 < int(port) <= _HIGHEST_PORT:
        raise refuse(f"the port is not a number from 1 to {_HIGHEST_PORT}")
    return host, int(port)


def _is_ipv6(host: str) -> bool:
    address, percent, zone = host.partition("%")
    if percent and (not zone or _UNSAFE_NAME.search(zone) or "\\" in zone):
        return False
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True
