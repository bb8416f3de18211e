"""Reads HTTP from a connection's bytes, event by event, with h11."""

from __future__ import annotations

from contextlib import suppress

import h11

from dexec_kernel.engine.http.transport import ByteStream
from dexec_kernel.errors import EngineUnavailable, ProtocolError, StreamCutOff

#: In bytes: more than this of an error page is neither kept nor shown.
MAX_ERROR_BODY = 64 * 1024


async def read_error_body(http: h11.Connection, stream: ByteStream) -> bytes:
    """Return the beginning of an error answer's body; what breaks it off is no error of its own."""
    body = bytearray()
    with suppress(ProtocolError, EngineUnavailable):  # The status says enough.
        while len(body) < MAX_ERROR_BODY and isinstance(
            event := await next_event(http, stream), h11.Data
        ):
            body += event.data
    return bytes(body[:MAX_ERROR_BODY])


async def next_event(
    http: h11.Connection, stream: ByteStream
) -> h11.Event | type[h11.PAUSED | h11.NEED_DATA]:
    """Return the next event of the engine's answer.

    Raises :class:`EngineUnavailable` if the connection ends before the answer,
    :class:`StreamCutOff` if it ends inside, :class:`ProtocolError` if it is not HTTP.
    """
    data: bytes | None = None
    state = http.their_state
    try:
        while (event := http.next_event()) is h11.NEED_DATA:
            data = await stream.read()
            http.receive_data(data)
    except h11.RemoteProtocolError as error:
        if data == b"" and state is h11.SEND_RESPONSE:
            raise EngineUnavailable(
                "The engine closed the connection without an answer."
            ) from error
        if data == b"":
            raise StreamCutOff("The engine's answer ended too early.") from error
        raise ProtocolError(f"The engine's answer is not HTTP: {error}.") from error
    return event
