"""The least that an exec costs: the engine's API over one unix socket, and nothing around it."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

_REQUEST = (
    "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    "{more}Content-Length: {size}\r\n\r\n{body}"
)
_UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
_READ_SIZE = 256 * 1024
_HEAD_SIZE = 8


class RawEngine:
    """Runs commands in a container by a kept connection for the JSON, and a new one for a stream.

    Everything is cold: each command is a process that the engine starts when it is asked.
    """

    def __init__(self, host: str, container: str) -> None:
        self._path = host.removeprefix("unix://")
        self._container = container
        self._json = self._connect()

    def close(self) -> None:
        """Close the kept connection."""
        self._json.close()

    def cycle(self, *command: str) -> float:
        """Create, start, drain, inspect; return the seconds that took."""
        begin = time.perf_counter()
        exec_id = self._create(command)
        with self._start(exec_id) as stream:
            _drain(stream)
        self._inspect(exec_id)
        return time.perf_counter() - begin

    def fed_cycle(self, *command: str, size: int) -> float:
        """Run a cycle whose process has a stdin, and ``size`` bytes of environment, as a cell's."""
        begin = time.perf_counter()
        exec_id = self._create(command, AttachStdin=True, Env=[f"FED={'x' * size}"])
        with self._start(exec_id) as stream:
            stream.sendall(b"\n")
            stream.shutdown(socket.SHUT_WR)
            _drain(stream)
        self._inspect(exec_id)
        return time.perf_counter() - begin

    def first_byte(self, *command: str) -> float:
        """Return the seconds from create to the first byte that the command prints."""
        begin = time.perf_counter()
        exec_id = self._create(command)
        with self._start(exec_id) as stream:
            stream.recv(_READ_SIZE)
            first = time.perf_counter() - begin
            _drain(stream)
        return first

    def drain(self, *command: str) -> tuple[int, float]:
        """Run a command; return how many bytes its stream had, and the seconds of the cycle."""
        begin = time.perf_counter()
        exec_id = self._create(command)
        with self._start(exec_id) as stream:
            size = _drain(stream)
        self._inspect(exec_id)
        return size, time.perf_counter() - begin

    def _create(self, command: tuple[str, ...], **more: Any) -> str:
        body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True, **more}
        answer = self._call("POST", f"/containers/{self._container}/exec", body)
        return str(answer["Id"])

    def _start(self, exec_id: str) -> socket.socket:
        """Return the socket after the head of the answer, before any byte of the stream."""
        body = json.dumps({"Detach": False, "Tty": False})
        request = _REQUEST.format(
            method="POST", path=f"/exec/{exec_id}/start", more=_UPGRADE, size=len(body), body=body
        )
        stream = self._connect()
        stream.sendall(request.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            # The process takes milliseconds to print: these few reads cost nothing of note.
            part = stream.recv(1)
            if not part:
                raise RuntimeError(f"the engine did not start the exec: {head!r}")
            head += part
        return stream

    def _inspect(self, exec_id: str) -> None:
        self._call("GET", f"/exec/{exec_id}/json", None)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._path)
        return connection

    def _call(self, method: str, path: str, body: Any) -> Any:
        data = "" if body is None else json.dumps(body)
        request = _REQUEST.format(method=method, path=path, more="", size=len(data), body=data)
        self._json.sendall(request.encode())
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._receive()
        headers = answer[:end].decode().lower().split("\r\n")
        size = next((int(h.split(":")[1]) for h in headers if h.startswith("content-length:")), 0)
        while len(answer) < end + 4 + size:
            answer += self._receive()
        return json.loads(answer[end + 4 :])

    def _receive(self) -> bytes:
        part = self._json.recv(65536)
        if not part:
            raise RuntimeError("the engine closed the connection")
        return part


def _drain(stream: socket.socket) -> int:
    """Read to the end, and return the size, headers of frames included."""
    buffer = bytearray(_READ_SIZE)
    size = 0
    while count := stream.recv_into(buffer):
        size += count
    return size
