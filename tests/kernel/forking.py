"""Kernels forked from a process that has the kernel's modules: importing them takes longest.

A forked kernel has the arguments, the environment, the folder and the session of one that Jupyter
starts. Tests of a kernel's start and end have it started from the kernelspec all the same.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from jupyter_client.provisioning import LocalProvisioner

import dexec_kernel

#: What a kernel imports besides our own modules, much of it after its first answer.
_FOREIGN = ("IPython.core.history", "encodings.idna", "ipywidgets", "tornado.platform.asyncio")
#: What ``dexec_kernel.__main__`` does.
_MAIN = "from dexec_kernel.jupyter.app import main; main()"
#: No kernel imports these.
_OTHERS = ("dexec_kernel.__main__", "dexec_kernel.cli", "dexec_kernel.picker")


class Forked:
    """A process that is not our child: what Jupyter needs of a :class:`subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        try:
            self._fd: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._fd = None

    def poll(self) -> int | None:
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Return 0 once the process has ended: its exit code is its parent's to know."""
        if self._fd is not None:
            if not select.select([self._fd], [], [], timeout)[0]:
                return None
            os.close(self._fd)
            self._fd = None
        self.returncode = 0
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self._fd is not None:
            signal.pidfd_send_signal(self._fd, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class ForkServer:
    """The process that forks: it ends with its owner."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, f"{theirs.fileno()}"],
                pass_fds=[theirs.fileno()],
                cwd=Path(__file__).parents[2],
            )
        self._replies = self._socket.makefile("rb")

    def fork(
        self, arguments: list[str], env: dict[str, str], cwd: str | None, program: str
    ) -> Forked:
        cwd = cwd or os.getcwd()  # noqa: PTH109 -- as Popen does
        request = {"arguments": arguments, "env": env, "cwd": cwd, "program": program}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return Forked(int(self._replies.readline()))

    def close(self) -> None:
        self._replies.close()
        self._socket.close()
        self._process.wait()


class ForkingProvisioner(LocalProvisioner):
    """Jupyter's own, but for the one call that makes the process."""

    def __init__(self, *, server: ForkServer, **options: Any) -> None:
        super().__init__(**options)
        self._server = server

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Called by the manager, with the command of the kernelspec."""
        python, *arguments = cmd
        assert Path(python).name.startswith("python")
        assert arguments[:2] == ["-m", "dexec_kernel"] or arguments[0] == "-c"
        program = arguments[1] if arguments[0] == "-c" else _MAIN
        process = self._server.fork(arguments[2:], kwargs["env"], kwargs.get("cwd"), program)
        self.process = process
        # The process has a session, and with it a group, of its own.
        self.pid = self.pgid = process.pid
        return self.connection_info


def _become_a_kernel(arguments: list[str], env: dict[str, str], cwd: str, program: str) -> NoReturn:
    """Run a program that starts a kernel, in a process that has the modules already."""
    code = 1
    try:
        os.setsid()
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env, JPY_PARENT_PID=f"{os.getppid()}")
        sys.argv[1:] = arguments
        exec(program, {"__name__": "__main__"})
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        atexit._run_exitfuncs()
        os._exit(code)


def _own_modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(dexec_kernel.__path__, "dexec_kernel."):
        if not module.name.startswith(_OTHERS):
            yield module.name


def _serve(requests: socket.socket) -> None:
    # As Jupyter does: a kernel whose parent is gone ends. ipykernel reads it when it is imported.
    os.environ["JPY_PARENT_PID"] = f"{os.getpid()}"
    for module in (*_FOREIGN, *_own_modules()):
        importlib.import_module(module)
    # A kernel leaves what is here alone: it copies no memory for it.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with requests, requests.makefile("rb") as lines:
        for line in lines:
            request = json.loads(line)
            pid = os.fork()
            if not pid:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                # Closing it would leave it to `lines`: its owner would not see that we have ended.
                os.close(requests.detach())
                _become_a_kernel(**request)
            requests.sendall(b"%d\n" % pid)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
