"""Ports for kernels that no other process takes before the kernel does."""

from __future__ import annotations

from jupyter_client.connect import LocalPortCache

from devtools.ports import free_port


class _OwnPorts(LocalPortCache):
    def find_available_port(self, ip: str) -> int:
        del ip  # all are on 127.0.0.1
        while (port := free_port()) in self.currently_used_ports:
            continue
        self.currently_used_ports.add(port)
        return port


def reserve_ports() -> None:
    """Let every kernel manager of this process take its ports from ours."""
    # An instance of a subclass is its base's one instance, too.
    _OwnPorts.instance()
