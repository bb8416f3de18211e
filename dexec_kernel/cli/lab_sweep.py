"""What ``lab test`` and ``lab grade`` leave nothing of: labs whose kernel was killed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dexec_kernel.engine.client import EngineClient
from dexec_kernel.errors import DexecError
from dexec_kernel.lab.parent import Parent
from dexec_kernel.lab.sweep import sweep
from dexec_kernel.policy.file import find_policy


@contextmanager
def swept() -> Iterator[None]:
    """Remove at the end what kernels of this process have left, all of which have ended then.

    A submission may bring its kernel to an end. What cannot be removed is for the next sweep.
    """
    try:
        yield
    finally:
        with suppress(DexecError):
            asyncio.run(_sweep())


async def _sweep() -> None:
    check = find_policy().check_engine
    async with await EngineClient.from_environment(check=check) as engine:
        await sweep(engine, server=Parent.of(os.getpid()))
