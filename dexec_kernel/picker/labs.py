"""The server's part in the end of labs: it knows which of its kernels are gone."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from dexec_kernel.engine.client import EngineClient
from dexec_kernel.errors import DexecError
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
    log: logging.Logger,
) -> None:
    """Remove what labs have left, now and every minute, until the task is cancelled.

    ``kernels`` returns the ids of all kernels that the server has.
    """
    server = Parent.of(os.getpid())
    while True:
        with suppress(DexecError):  # No engine, or not now.
            async with await EngineClient.from_environment(
                environ, check=policy.check_engine
            ) as engine:
                if removed := await sweep(engine, server=server, kernels=kernels()):
                    log.info("dexec-kernel: what labs had left was removed: %s", ", ".join(removed))
        await asyncio.sleep(_EVERY)
