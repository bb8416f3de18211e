from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexec_kernel.engine.ssh.destination import SshDestination
from dexec_kernel.engine.ssh.words import SshWords

#: What ssh says at last when its way to the machine has ended.
PROXIED = (
    b"kex_exchange_identification: Connection closed by remote host\r\n"
    b"Connection closed by UNKNOWN port 65535\r\n"
)
UNVERIFIED = b"Host key verification failed.\n"
FAR = SshDestination("far", "me", 2222)


def words(*pieces: bytes) -> SshWords:
    made = SshWords()
    for piece in pieces:
        made.receive(piece)
    return made


def test_the_last_line_counts():
    assert words().last == ""
    assert words(b"one\ntwo\n\n").last == "two"
    assert words(b"o", b"ne\r\ntw", b"o").last == "two"


def test_lines_are_clean_and_bounded():
    assert words(b"\x1b]0;title\x07\x1b[31mred\xff\x00 \xe2\x80\xaex\r\n").last == (
        "]0;title [31mred\N{REPLACEMENT CHARACTER} x"
    )
    assert len(words(b"x" * 1_000_000).last) < 310
    assert len(words(*[b"x" * 3_000] * 1_000).last) < 310


@given(st.lists(st.binary()))
def test_anything_is_one_printable_line(pieces):
    made = words(*pieces)
    assert made.last.isprintable()
    assert made.last == words(b"".join(pieces)).last


@pytest.mark.parametrize(
    ("said", "advised"),
    [
        (b"me@far: Permission denied (publickey).\n", "ssh-add"),
        (b"Received disconnect from far: 2: Too many authentication failures\n", "ssh-add"),
        (b"No key is known\nHost key verification failed.\n", "ssh-keyscan"),
        (
            b"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "ssh-keygen -R '[far]:2222'",
        ),
        (
            b"channel 2: open failed: connect failed: open failed\n",
            "AllowStreamLocalForwarding; AllowTcp",
        ),
        (b"ssh: connect to host far port 22: Connection refused\n", "its ssh server running"),
        (b"ssh: Could not resolve hostname far: Name or service not known\n", "`ssh -p 2222 -v"),
        # What it is called where the configuration has a HostName or a HostKeyAlias.
        (
            b"IDENTIFICATION HAS CHANGED!\nHost key for [10.0.0.7]:22 has changed\n" + UNVERIFIED,
            "ssh-keygen -R '[10.0.0.7]:22'",
        ),
        # By a ProxyJump, a ProxyCommand, and one that ends without a word.
        (b"me@jump: Permission denied (publickey).\n" + PROXIED, "ssh-add"),
        (b"ssh: connect to host jump port 22: No route to host\n" + PROXIED, "does the network"),
        (b"/bin/sh: exec: nc: not found\n" + PROXIED, "a ProxyCommand or ProxyJump"),
        (PROXIED, "a ProxyCommand or ProxyJump"),
        (b"kex_exchange_identification: Connection closed by remote host\n", "MaxStartups"),
        (b"Connection reset by 192.0.2.1 port 22\n", "MaxStartups"),
        (b"ControlPath too long ('/x' >= 108 bytes)\n", "ControlPath ~/.ssh/%C"),
        (b"", "`ssh -p 2222 -o BatchMode=yes me@far true` must work"),
    ],
)
def test_advice(said, advised):
    assert advised in words(said).advice(FAR)


def test_the_reason_is_before_the_end_of_a_proxy():
    assert words(b"one\ntwo\n").reason == "two"
    assert words(b"/bin/sh: exec: nc: not found\n" + PROXIED).reason == (
        "/bin/sh: exec: nc: not found (Connection closed by UNKNOWN port 65535)"
    )
    assert words(PROXIED).reason == "Connection closed by UNKNOWN port 65535"
    assert words().reason == ""


@pytest.mark.parametrize(
    ("said", "turned_away"),
    [
        (b"Welcome to jump.\n" + PROXIED, True),
        (b"/bin/sh: exec: nc: not found\n" + PROXIED, False),
        (b"Connection reset by 192.0.2.1 port 22\n", True),
        (b"banner\nkex_exchange_identification: read: Connection reset by peer\n", True),
        (b"Connection closed by 192.0.2.1 port 22", True),
        (
            b"me@jump: Permission denied (publickey).\nConnection closed by UNKNOWN port 65535",
            False,
        ),
        (b"Host key verification failed.\nConnection closed by UNKNOWN port 65535\n", False),
        (b"ssh: connect to host far port 22: Connection refused\n", False),
        (b"", False),
    ],
)
def test_a_server_that_turns_connections_away(said, turned_away):
    assert words(said).turned_away is turned_away
