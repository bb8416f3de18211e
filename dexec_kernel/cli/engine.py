"""An engine's client for the length of one command, with a bound on how long it may take."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from dexec_kernel.backend.protocol import WholeEngine
from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.http.answer import no_answer
from dexec_kernel.policy.engine import policed
from dexec_kernel.policy.file import find_policy
from dexec_kernel.swarm.engine import SwarmEngine

#: In seconds: somebody sits and waits.
PATIENCE = 15.0


@asynccontextmanager
async def engine_client(what: str) -> AsyncIterator[WholeEngine]:
    """Find the engine and talk to it within the policy; ``what`` says for what it is asked.

    Raises what ``find_endpoint`` raises, :class:`PolicyRefused` and :class:`PolicyUnusable`, and
    :class:`EngineUnavailable` when the time is up.
    """
    policy = find_policy()
    client = await EngineClient.from_environment(check=policy.check_engine)
    engine = SwarmEngine(client, os.environ, check=policy.check_engine)
    try:
        async with aclosing(engine):
            # ssh has a time limit of its own.
            await client.ready()
            async with asyncio.timeout(PATIENCE):
                yield policed(engine, policy)
    except TimeoutError as error:
        raise no_answer(client.tunnel or client.endpoint, PATIENCE, what) from error


async def tool_of(client: WholeEngine) -> str:
    """Return the command that goes with the engine: ``docker`` or ``podman``."""
    return "podman" if (await client.ping()).is_podman else "docker"
