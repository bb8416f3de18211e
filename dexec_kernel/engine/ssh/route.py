"""The way to an engine behind ssh: an address whose socket is the near end of a tunnel."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from dexec_kernel.engine.ssh.destination import SshDestination
from dexec_kernel.engine.ssh.tunnel import SshTunnel
from dexec_kernel.errors import EngineUnavailable


class SshRoute:
    """An ``engine.http.address.Address``. Close it with :meth:`aclose`.

    It connects when it is first used, and again after the connection was lost. All that wait for
    the connection share one attempt.
    """

    tls = None
    host = ""
    port = 0
    is_unix = True
    is_tunnel = True
    noun = "engine"
    http_host = "docker"

    def __init__(self, destination: SshDestination, advice: str) -> None:
        self._destination = destination
        self._tunnel: SshTunnel | None = None
        self._opening: asyncio.Task[None] | None = None
        self._is_closed = False
        self._runs_command = True
        self.advice = advice

    @property
    def path(self) -> str:
        """The near end's socket, "" before the first connection. Each connection has another."""
        return "" if self._tunnel is None else self._tunnel.path

    @property
    def url(self) -> str:
        """The address as DOCKER_HOST has it."""
        return self._destination.url

    async def ready(self) -> None:
        """Connect, unless ssh is connected. Raises :class:`EngineUnavailable`."""
        if self._is_closed:
            raise _closed()
        if self._tunnel is not None and self._tunnel.is_up:
            return
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(_retrieve)
        try:
            # One that gives up does not end what others wait for.
            await asyncio.shield(self._opening)
        except asyncio.CancelledError:
            if self._was_closed_meanwhile():
                raise _closed() from None
            raise

    async def aclose(self) -> None:
        """End the connection. May be called twice."""
        self._is_closed = True
        if self._opening is not None:
            self._opening.cancel()
            with suppress(asyncio.CancelledError, EngineUnavailable):
                await self._opening
        if self._tunnel is not None:
            await self._tunnel.aclose()

    def early_end(self) -> EngineUnavailable:
        """Return the error for a connection that ends before an answer.

        ssh accepts every connection, and closes it if nobody listens at the other end.
        """
        words = "" if self._tunnel is None else self._tunnel.words().last
        if "open failed" not in words:
            message = f"The connection to {self.url} ended before the engine answered."
            return EngineUnavailable(message, advice=self.advice)
        return EngineUnavailable(
            f"ssh reaches {self._destination.host}, and no engine answers at"
            f" {self._destination.socket} there. ssh: {words.rstrip('.')}.",
            advice=self.advice,
        )

    def advice_on(self, error: BaseException) -> str:  # noqa: ARG002 -- an Address's
        """Return what to do about an error of the near end."""
        return self.advice

    def _was_closed_meanwhile(self) -> bool:
        """Whether it is the attempt that was cancelled, and not the task that waits for it."""
        task = asyncio.current_task()
        return self._is_closed and task is not None and not task.cancelling()

    async def _open(self) -> None:
        if self._tunnel is not None:
            await self._tunnel.aclose()
            self._runs_command = self._runs_command and not self._tunnel.command_failed
        self._tunnel = await SshTunnel.open(self._destination, runs_command=self._runs_command)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not task.cancelled():
        task.exception()


def _closed() -> EngineUnavailable:
    return EngineUnavailable("The client of the engine was closed.")
