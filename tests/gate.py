"""A place in a container where a cell waits until the test lets it go on."""

from __future__ import annotations

import itertools

from devtools import containers

_numbers = itertools.count(1)


class Gate:
    """A file in a container. A cell waits there with :attr:`wait` until the test opens it."""

    def __init__(self, host: str, container: str) -> None:
        self._host, self._container = host, container
        self.path = f"/tmp/gate-{next(_numbers)}"
        #: Shell text.
        self.wait = f"until [ -e {self.path} ]; do sleep 0.05; done"

    def open(self) -> None:
        assert containers.run(self._host, self._container, ["touch", self.path]).exit_code == 0
