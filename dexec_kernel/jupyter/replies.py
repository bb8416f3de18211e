"""Every request gets its reply, even where the kernel fails by a defect.

ipykernel logs an exception of a handler and sends nothing, so that a front end waits for ever.
Here the reply has the status ``error`` of the messaging protocol, and the fields of an empty answer
as well, because not every front end looks at the status.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from dexec_kernel.display.text import well_formed
from dexec_kernel.errors import DexecError, InternalError

#: Handles a request: ipykernel's stream, the identities, and the request.
Handler = Callable[[Any, Any, dict[str, Any]], Awaitable[None]]
#: Sends a reply: the same stream, its type, its content, the request and the identities.
Send = Callable[[Any, str, dict[str, Any], dict[str, Any], Any], Any]

#: By the request, the fields of its reply when nothing is known.
EMPTY: dict[str, dict[str, Any]] = {
    "complete": {"matches": [], "cursor_start": 0, "cursor_end": 0, "metadata": {}},
    "execute": {},
    "history": {"history": []},
    "inspect": {"found": False, "data": {}, "metadata": {}},
    # Its status has words of its own.
    "is_complete": {"status": "unknown", "indent": ""},
}


def answering(kind: str, handle: Handler, *, send: Send, log: logging.Logger) -> Handler:
    """Return a handler that sends ``KIND_reply`` also where ``handle`` raises."""

    async def handle_and_answer(stream: Any, identities: Any, request: dict[str, Any]) -> None:
        try:
            code = request.get("content", {}).get("code")
            if isinstance(code, str) and not code.isascii():
                # No message can echo half a surrogate pair: it becomes U+FFFD, as in browsers.
                request["content"]["code"] = well_formed(code)
            await handle(stream, identities, request)
        except Exception as error:
            log.exception("A %s_request was not answered, by a defect.", kind)
            known = error if isinstance(error, DexecError) else InternalError.of(error)
            content = {
                "status": "error",
                "ename": type(known).__name__,
                "evalue": known.message,
                "traceback": [],
                **EMPTY[kind],
            }
            send(stream, f"{kind}_reply", content, request, identities)

    return handle_and_answer
