"""Kernels that one test uses after the other, as people use one for many cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.kernel.conftest import Kernel

#: How many idle kernels stay; the one that was idle longest ends.
_MOST = 4
#: Whoever chooses a container or a setting of the kernel leaves another kernel than there was.
_CHANGES = ("%container", "%user", "%timeout", "%env", "%status", "%attach")


class Pool:
    """The idle kernels, by their settings. A test that touches a kernel's life has it alone."""

    def __init__(self, start: Callable[..., Kernel]) -> None:
        self._start = start
        self._idle: dict[frozenset[tuple[str, str]], Kernel] = {}

    @contextmanager
    def kernel(self, **settings: str) -> Iterator[Kernel]:
        """Yield a kernel whose session is new, and that no other test uses meanwhile."""
        key = frozenset(settings.items())
        kernel = self._idle.pop(key, None) or self._start(**settings)
        begin = len(kernel.sent)
        yield kernel
        changes = any(word in code for code in kernel.sent[begin:] for word in _CHANGES)
        if not (changes or kernel.is_exposed) and kernel.renew():
            self._idle[key] = kernel
            if len(self._idle) > _MOST:
                self._idle.pop(next(iter(self._idle))).end()
        else:
            kernel.end()
