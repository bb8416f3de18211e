"""The client's calls through requests, which is imported with the first of them.

A cell over a unix socket needs none of these calls, and a fifth of the imports before it would be
theirs.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from dexec_kernel.engine.http.address import Address
from dexec_kernel.engine.http.answer import Answer

if TYPE_CHECKING:
    from dexec_kernel.engine.http.api import JsonApi


class LateApi:
    """A :class:`~dexec_kernel.engine.http.api.JsonApi` that is made by its first call."""

    def __init__(self, endpoint: Address, *, connect_timeout: float, read_timeout: float) -> None:
        self._endpoint = endpoint
        self._times = {"connect_timeout": connect_timeout, "read_timeout": read_timeout}
        self._lock = threading.Lock()
        self._api: JsonApi | None = None

    def request(self, method: str, path: str, **options: Any) -> Answer:
        """Do one call in a thread of the caller's: see :meth:`JsonApi.request`."""
        with self._lock:
            if self._api is None:
                from dexec_kernel.engine.http.api import JsonApi  # noqa: PLC0415 -- see above

                self._api = JsonApi(self._endpoint, **self._times)
            api = self._api
        return api.request(method, path, **options)

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            if self._api is not None:
                self._api.close()
