"""The way to the engine of another node: a setting, or a docker context that fits the node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dexec_kernel.engine.contexts import context_names
from dexec_kernel.engine.endpoint import (
    Endpoint,
    docker_config_dir,
    endpoint_of_context,
    parse_host,
    tls_of_environment,
)
from dexec_kernel.engine.swarm import Node
from dexec_kernel.errors import ConfigurationError

VARIABLE = "DEXEC_NODE_HOSTS"
#: Stands for every node; and in its address for the node's name and address.
ANY, NAME_PART, ADDRESS_PART = "*", "{node}", "{address}"
#: A node names itself: nothing else may get into an address.
_PLAIN = re.compile(r"[A-Za-z0-9._:-]+")
_EXAMPLE = f"For example {VARIABLE}='node1=ssh://root@10.0.0.2 node2=tcp://10.0.0.3:2376'"


@dataclass(frozen=True, slots=True)
class NodeHosts:
    """The setting: addresses by the names, ids or addresses of nodes, in lower case."""

    hosts: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> NodeHosts:
        """Read ``NODE=ADDRESS …``. Raises :class:`ConfigurationError`."""
        hosts: dict[str, str] = {}
        for word in text.split():
            name, equals, url = word.partition("=")
            key = name.casefold()
            if not (name and equals and url):
                raise ConfigurationError(
                    f"{VARIABLE} has {word!r}, which is not NODE=ADDRESS.", advice=_EXAMPLE
                )
            if key in hosts:
                raise ConfigurationError(f"{VARIABLE} has two addresses for {name!r}.")
            hosts[key] = url
            # A mistake is told before the node is needed.
            try:
                parse_host(_filled(url, "node", "192.0.2.1"), source=source_of(name))
            except ConfigurationError as error:
                if "," not in url:
                    raise
                advice = f"Write spaces between entries, no commas. {_EXAMPLE}"
                raise ConfigurationError(error.message, advice=advice) from error
        return cls(hosts)

    def url_for(self, node: Node) -> tuple[str, str]:
        """Return the address for a node, and the name that it stands under; "" for none."""
        for key in (node.name, node.id, node.address, ANY):
            if key and (url := self.hosts.get(key.casefold())):
                url = _filled(url, node.name, node.address)
                return (url, key) if url else ("", "")
        return "", ""


def find_way(node: Node, hosts: NodeHosts, environ: Mapping[str, str]) -> Endpoint:
    """Return the engine of a node: from the setting, or from a docker context that fits it.

    A context fits by its name, or by the host of its address. Blocks: it reads files. Raises
    :class:`ConfigurationError` if there is none.
    """
    url, key = hosts.url_for(node)
    if url:
        has_tls = not url.startswith(("ssh:", "unix:", "/"))
        tls = tls_of_environment(environ) if has_tls else None
        return parse_host(url, source=source_of(key), tls=tls)
    found = _context_for(node, docker_config_dir(environ))
    if found is not None:
        return found
    name = node.name or node.id
    raise ConfigurationError(
        f"The task runs on the node {name!r} ({node.address or 'address unknown'}), and no way to"
        " that node's engine is known.",
        advice=f"Name its engine: {VARIABLE}='{name}=ssh://USER@{_in_url(node.address) or name}'."
        f" A docker context called {name} serves as well:"
        f" docker context create {name} --docker host=ssh://USER@{_in_url(node.address) or name}",
    )


def source_of(key: str) -> str:
    """Return the words for an address of the setting."""
    return f"{VARIABLE}, {key}"


def _context_for(node: Node, config_dir: Path) -> Endpoint | None:
    names = sorted(context_names(config_dir))
    wanted = {key.casefold() for key in (node.name, node.id) if key}
    for name in names:
        if name.casefold() in wanted:
            return endpoint_of_context(config_dir, name, source="a docker context")
    wanted = {key.casefold() for key in (node.name, node.address) if key}
    for name in names:
        try:
            endpoint = endpoint_of_context(config_dir, name, source="a docker context")
        except ConfigurationError:
            continue  # One that is nobody's way here.
        host = endpoint.host if endpoint.ssh is None else endpoint.ssh.host
        if host.casefold() in wanted:
            return endpoint
    return None


def _filled(url: str, name: str, address: str) -> str:
    """Return an address with its parts filled in, "" where a node's own words do not fit."""
    for part, text in ((NAME_PART, name), (ADDRESS_PART, address)):
        if part in url and not _PLAIN.fullmatch(text):
            return ""
    return url.replace(NAME_PART, name).replace(ADDRESS_PART, _in_url(address))


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
