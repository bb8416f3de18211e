"""The verbs of Docker's Go client that a cell needs, with Go's names in snake_case.

Every verb is a coroutine. JSON calls run in the client's own threads; the attached connection is
read by the event loop. Besides the errors named at each verb, all raise
:class:`EngineUnavailable` when the engine does not answer and :class:`ProtocolError` when its
answer makes no sense.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Self

from dexec_kernel.backend.closing import AsyncClosing
from dexec_kernel.engine.calls import NEWEST_API, OLDEST_API, version_tuple
from dexec_kernel.engine.endpoint import find_endpoint
from dexec_kernel.engine.execs import ExecCalls
from dexec_kernel.engine.files import FileCalls
from dexec_kernel.engine.images import ImageCalls
from dexec_kernel.engine.lifecycle import LifecycleCalls
from dexec_kernel.engine.swarm import SwarmCalls

__all__ = ["NEWEST_API", "OLDEST_API", "EngineClient", "version_tuple"]


class EngineClient(ExecCalls, FileCalls, LifecycleCalls, ImageCalls, SwarmCalls, AsyncClosing):
    """A client of one engine. Close it with :meth:`aclose`, or use it as a context manager.

    ``api_version`` pins the version (DOCKER_API_VERSION does in :meth:`from_environment`);
    without it the newest that both know is used, found out with the first call.
    """

    @classmethod
    async def from_environment(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        check: Callable[[str], None] = lambda _url: None,
    ) -> Self:
        """Find the engine as the docker command does (``endpoint.find_endpoint``).

        ``check`` is called with its address, and may raise.
        """
        env = os.environ if environ is None else environ
        endpoint = await asyncio.to_thread(find_endpoint, env)
        check(endpoint.url)
        return cls(endpoint, api_version=env.get("DOCKER_API_VERSION", ""))
