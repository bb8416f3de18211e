"""The words of ssh: what it prints on stderr, fit to be shown, and what to do about it. No I/O."""

from __future__ import annotations

import re
import shlex
from collections import deque

from dexec_kernel.engine.ssh.destination import SshDestination

#: In lines: what is kept. The warning about a changed host key has 14.
_KEPT = 40
#: In characters: what is shown of a line.
_SHOWN = 300
#: In the last line of an ssh that a server has not let in, though it is there: it is busy
#: (MaxStartups), or starting.
_TURNED_AWAY = ("connection reset by", "connection closed by", "kex_exchange_identification")
#: In the last line where the machine is reached by a ProxyCommand or ProxyJump that has ended: the
#: reason is in a line before.
_PROXIED = "unknown port 65535"
#: What every ssh says then before.
_NO_REASON = "kex_exchange_identification"
#: A network without the machine, or a machine without a server.
_NOT_REACHED = (
    "could not resolve hostname",
    "connection refused",
    "no route to host",
    "network is unreachable",
    "timed out",
)
#: In a line before, where a machine or a command on the way to it says why.
_REASONS = (
    *("permission denied", "verification failed", "authentication failures", "open failed"),
    *("not found", "no such file", "loop via", *_NOT_REACHED),
)
#: The name in known_hosts, which the ssh configuration may have chosen (HostName, HostKeyAlias).
_KNOWN_AS = re.compile(r"Host key for (\S+) has changed", re.IGNORECASE)
#: In bytes: a line without an end is cut here.
_LONGEST = 4_000


class SshWords:
    """The last lines that ssh has printed.

    Some come from the other machine, such as its banner: they are shown without control characters
    and in bounded length.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._rest = b""

    def receive(self, data: bytes) -> None:
        """Take what ssh has printed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in (*lines, b""):
            self._add(line)
        if len(self._rest) > _LONGEST:
            self._add(self._rest)
            self._rest = b""

    @property
    def last(self) -> str:
        """The last line with anything in it, "" if there is none."""
        return _clean(self._rest) or (self._lines[-1] if self._lines else "")

    @property
    def reason(self) -> str:
        """The line that says why ssh has ended: mostly the last, "" if there is none.

        The last line is in brackets where a ProxyCommand or ProxyJump has ended, and said why.
        """
        last, told = self.last, self._told
        return last if told == last else f"{told.rstrip('.')} ({last})"

    @property
    def _told(self) -> str:
        last = self.last
        if not _is_proxied(last):
            return last
        before = (line for line in reversed(self._lines) if not line.startswith(_NO_REASON))
        return next((line for line in before if not _is_proxied(line)), last)

    @property
    def turned_away(self) -> bool:
        """Whether a server has closed the connection before anybody could log in.

        It may have too many connections at the moment, and take the next one.
        """
        said = " ".join((*self._lines, self.last)).lower()
        is_closed = any(words in self.last.lower() for words in _TURNED_AWAY)
        return is_closed and not any(words in said for words in _REASONS)

    def advice(self, destination: SshDestination) -> str:
        """Return what a person can do about the reason."""
        last = self._told.lower()
        ssh = destination.command()
        if "host key verification failed" in last:
            if any("IDENTIFICATION HAS CHANGED" in line for line in self._lines):
                named = _KNOWN_AS.search(" ".join(self._lines))
                name = named[1] if named else destination.known_as
                return (
                    "The machine shows another host key than the known one. Find out why before"
                    f" you trust it; then `ssh-keygen -R {shlex.quote(name)}`, and once `{ssh}`."
                )
            return (
                f"The machine's host key is not in known_hosts. Run `{ssh}` once and compare the"
                " key that it shows, or add the output of `ssh-keyscan` to ~/.ssh/known_hosts"
                " after you have compared it."
            )
        test, verbose = destination.command("-o", "BatchMode=yes"), destination.command("-v")
        if "permission denied" in last or "authentication failures" in last:
            return (
                "ssh cannot ask for a passphrase or a password here. Load the key into the agent"
                " that Jupyter was started with (`ssh-add`), or name it in ~/.ssh/config. Another"
                f" user goes into the address: ssh://USER@HOST. `{test} true` must work without a"
                " question."
            )
        if "open failed" in last:
            return self.socket_advice(destination)
        if any(words in last for words in _NOT_REACHED):
            return (
                "Is the address right (host and port, or a name in ~/.ssh/config), is the machine"
                " on and its ssh server running, and does the network let you reach it?"
                f" `{verbose}` shows more."
            )
        if _is_proxied(self.last):
            return (
                "The ssh configuration reaches the machine by a ProxyCommand or ProxyJump, which"
                f" has ended. `{test} true` must work without a question; `{verbose}` shows more."
            )
        if self.turned_away:
            return (
                "The server closes new connections: it may have too many at once (MaxStartups in"
                f" its sshd_config), or it shuts this machine out. `{verbose}` shows more."
            )
        if "controlpath too long" in last:
            return (
                "The ControlPath in the ssh configuration is too long for a socket. A short one is"
                " ControlPath ~/.ssh/%C"
            )
        return f"`{test} true` must work without a question; `{verbose}` shows more."

    @staticmethod
    def socket_advice(destination: SshDestination) -> str:
        """Return what to do when ssh reaches the machine, and no engine answers there."""
        user = destination.user or "the user"
        return (
            f"Is the engine running there, may {user} use {destination.socket}, and does the ssh"
            " server forward sockets (AllowStreamLocalForwarding; AllowTcpForwarding and PermitOpen"
            " hold for sockets, too)? Another socket goes into the address:"
            " ssh://HOST/run/user/1000/podman/podman.sock"
        )

    def _add(self, line: bytes) -> None:
        if clean := _clean(line):
            self._lines.append(clean)


def _is_proxied(line: str) -> bool:
    return _PROXIED in line.lower()


def _clean(line: bytes) -> str:
    text = line[:_LONGEST].decode("utf-8", "replace")
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"
