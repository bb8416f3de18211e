"""What a connection has to know of the address that it goes to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dexec_kernel.errors import EngineUnavailable

if TYPE_CHECKING:
    from dexec_kernel.engine.http.tls import PreparedTls


class TlsFiles(Protocol):
    """The files of a TLS connection, each PEM; None without one of the kind."""

    @property
    def ca(self) -> Path | None:
        """The authorities that are trusted."""
        ...

    @property
    def cert(self) -> Path | None:
        """Our certificate."""
        ...

    @property
    def key(self) -> Path | None:
        """Its key."""
        ...

    @property
    def verify(self) -> bool:
        """Whether the server's certificate is verified."""
        ...


class Address(Protocol):
    """A unix socket's ``path``, or ``host`` and ``port``: see ``engine.endpoint.Endpoint``."""

    @property
    def path(self) -> str:
        """The unix socket's path, "" without one."""
        ...

    @property
    def host(self) -> str:
        """The host's name or address."""
        ...

    @property
    def port(self) -> int:
        """The port."""
        ...

    @property
    def tls(self) -> TlsFiles | PreparedTls | None:
        """The files of TLS, or what was made of them; None without TLS."""
        ...

    @property
    def is_unix(self) -> bool:
        """True for a unix socket."""
        ...

    @property
    def http_host(self) -> str:
        """The ``Host`` of requests."""
        ...

    @property
    def url(self) -> str:
        """The address in words."""
        ...

    @property
    def advice(self) -> str:
        """What to do when nothing answers here."""
        ...

    @property
    def noun(self) -> str:
        """The word for what is there: engine, or cluster."""
        ...

    @property
    def is_tunnel(self) -> bool:
        """True where another process accepts our connections, whether an engine is there or not."""
        ...

    async def ready(self) -> None:
        """Make it possible to connect. Raises :class:`EngineUnavailable`."""
        ...

    def early_end(self) -> EngineUnavailable:
        """Return the error for a connection that ends before an answer."""
        ...

    def advice_on(self, error: BaseException) -> str:
        """What to do when ``error`` keeps us from connecting."""
        ...
