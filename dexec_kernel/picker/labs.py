"""The server's part in the end of labs: it knows which of its kernels are gone."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from dexec_kernel.engine.client import EngineClient
from dexec_kernel.errors import DexecError
from dexec_kernel.lab.lint import kernel_name
from dexec_kernel.lab.parent import Parent
from dexec_kernel.lab.sweep import sweep
from dexec_kernel.policy.rules import Policy

#: In seconds. A kernel removes its containers itself: this is for those that were killed.
_EVERY = 60.0


async def sweep_labs(
    environ: Mapping[str, str],
    policy: Policy,
    *,
    kernels: Callable[[], Collection[str]],
    specs: Callable[[], Collection[str]],
    log: logging.Logger,
) -> None:
    """Remove what labs have left, now and every minute, until the task is cancelled.

    ``kernels`` returns the ids of all kernels that the server has, ``specs`` the names of all
    kernelspecs. Where there is no lab among them, the engine is asked again only once a kernel has
    begun or ended, or while it has a container of a lab: each look is a connection, or an ssh.
    """
    server = Parent.of(os.getpid())
    seen: frozenset[str] | None = None
    may_have_left = True
    while True:
        now = frozenset(kernels())
        if may_have_left or now != seen or await asyncio.to_thread(_have_lab, specs):
            seen = now
            with suppress(DexecError):  # No engine, or not now.
                async with await EngineClient.from_environment(
                    environ, check=policy.check_engine
                ) as engine:
                    swept = await sweep(engine, server=server, kernels=kernels)
                may_have_left = bool(swept.left)
                if swept.removed:
                    names = ", ".join(swept.removed)
                    log.info("dexec-kernel: what labs had left was removed: %s", names)
        await asyncio.sleep(_EVERY)


def _have_lab(specs: Callable[[], Collection[str]]) -> bool:
    return any(name.startswith(kernel_name("")) for name in specs())
