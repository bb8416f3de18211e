"""An engine's client for the length of one command, with a bound on how long it may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dexec_kernel.engine.client import EngineClient
from dexec_kernel.engine.http.answer import no_answer

#: In seconds: somebody sits and waits.
PATIENCE = 15.0


@asynccontextmanager
async def engine_client(what: str) -> AsyncIterator[EngineClient]:
    """Find the engine and talk to it; ``what`` says for what, should it not answer.

    Raises what ``find_endpoint`` raises, and :class:`EngineUnavailable` when the time is up.
    """
    client = await EngineClient.from_environment()
    try:
        async with client, asyncio.timeout(PATIENCE):
            yield client
    except TimeoutError as error:
        raise no_answer(client.endpoint, PATIENCE, what) from error


async def tool_of(client: EngineClient) -> str:
    """Return the command that goes with the engine: ``docker`` or ``podman``."""
    return "podman" if (await client.ping()).is_podman else "docker"
