"""engine/http/quick.py: requests in one write, and answers that have come in one piece."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.engine.http.quick import Unread, head_of, request_bytes, whole_answer
from dexec_kernel.errors import ProtocolError

OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n1\r\n \r\n0\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


def by_h11(data: bytes) -> tuple[int, bytes] | None:
    """Read an answer as h11 does; None unless it is one whole answer on a connection that lives."""
    http = h11.Connection(our_role=h11.CLIENT)
    http.send(h11.Request(method="GET", target="/", headers=[("Host", "e")]))
    http.send(h11.EndOfMessage())
    try:
        http.receive_data(data)
        head, body = http.next_event(), b""
        if not isinstance(head, h11.Response):
            return None
        while isinstance(event := http.next_event(), h11.Data):
            body += event.data
    except h11.RemoteProtocolError:
        return None
    if http.their_state is not h11.DONE or http.our_state is not h11.DONE or http.trailing_data[0]:
        return None
    return head.status_code, body


def test_a_whole_answer_is_read_with_its_headers() -> None:
    answer = whole_answer(PLAIN)

    assert answer is not None
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.headers["content-type"] == "application/json"


def test_chunks_that_are_all_there_are_put_together() -> None:
    answer = whole_answer(CHUNKED)

    assert answer is not None
    assert answer.body == b"{}\n "


def test_an_error_answer_is_an_answer() -> None:
    answer = whole_answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    assert answer is not None
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SWITCHED,
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        OK + b"\r\n{}",
        OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}",
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        OK + b"Content-Length: +2\r\n\r\n{}",
        OK + b"Content-Length: 9999999999\r\n\r\n{}",
        OK + b"Content-Length: 2\r\n folded\r\n\r\n{}",
        OK + b"Content-Length : 2\r\n\r\n{}",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: 1\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2;name=value\r\n{}\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n",
        OK + b"X: " + b"x" * 9000 + b"\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_anything_unusual_is_left_to_h11(data: bytes) -> None:
    assert whole_answer(data) is None


@pytest.mark.parametrize("data", [PLAIN, CHUNKED])
def test_an_answer_that_is_cut_off_or_followed_by_bytes_is_left_to_h11(data: bytes) -> None:
    assert all(whole_answer(data[:count]) is None for count in range(len(data)))
    assert whole_answer(data + b"x") is None


@given(
    st.lists(
        st.sampled_from(
            [
                *(b"HTTP/1.1 ", b"200 ", b"404 ", b"OK", b"\r\n", b"\n", b"\r", b" ", b":", b";"),
                *(b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
                *(b"0\r\n", b"\r\n\r\n", b"2", b"{}", b"a", b"0", b"\x00", b"\xff"),
                *(OK, PLAIN, CHUNKED, SWITCHED),
            ]
        ),
        max_size=9,
    )
)
def test_whatever_is_read_h11_reads_as_well(parts: list[bytes]) -> None:
    data = b"".join(parts)
    answer = whole_answer(data)

    if answer is not None:
        assert by_h11(data) == (answer.status, answer.body)


def test_the_head_of_a_stream_ends_where_the_stream_begins() -> None:
    head = head_of(SWITCHED + b"\x01\x00")

    assert head is not None
    assert (head.status, head.size) == (101, len(SWITCHED))
    assert all(head_of(SWITCHED[:count]) is None for count in range(len(SWITCHED)))


def test_a_request_is_one_piece() -> None:
    found = request_bytes("POST", "/a?b=%20", [("Host", "e"), ("Content-Length", "2")], b"{}")

    assert found == b"POST /a?b=%20 HTTP/1.1\r\nHost: e\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("target", "host"),
    [("/a b", "e"), ("/a\r\nX: 1", "e"), ("", "e"), ("/ä", "e"), ("/a", "e\r\nX: 1"), ("/a", "")],
)
def test_a_request_cannot_hold_another_line(target: str, host: str) -> None:
    with pytest.raises(ProtocolError):
        request_bytes("GET", target, [("Host", host)])


class Stream:
    """A stream with one piece."""

    async def read(self) -> bytes:
        return b"second"

    async def write(self, data: bytes) -> None:
        raise NotImplementedError

    async def write_eof(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@pytest.mark.asyncio
async def test_what_was_read_comes_first_even_if_it_was_the_end() -> None:
    source = Unread(Stream(), b"")

    assert [await source.read(), await source.read()] == [b"", b"second"]
