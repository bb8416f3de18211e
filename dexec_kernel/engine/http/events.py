"""Reads HTTP from a connection's bytes, event by event, with h11."""

from __future__ import annotations

import h11

from dexec_kernel.engine.http.transport import ByteStream
from dexec_kernel.errors import EngineUnavailable, ProtocolError, StreamCutOff


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
