"""The common part of ``lab test`` and ``lab grade``: lab kernels, report files, a way to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.grading.session import LabSession, StartSession

_T = TypeVar("_T")
#: The exit code of a command that was stopped.
INTERRUPTED = 130
#: Settings of the teacher's own kernels are none of the students'. These are the same everywhere.
_OWN_PREFIX = "DEXEC_"
_SETTINGS = {"DEXEC_HISTORY_FILE": ":memory:", "DEXEC_STATUS_BAR": "static", "DEXEC_LOG_LIMIT": "0"}


class Stopped(BaseException):
    """The user has asked for the end (Ctrl-C, or SIGTERM). Everything was ended in order."""


def lab_starter(folder: Path, *, tells: bool = False) -> StartSession:
    """Return what starts kernels of the lab in a folder, each with containers of its own.

    With ``tells`` their errors have the texts that are the teacher's.
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIX)
    }
    environment = {**inherited, **_SETTINGS}
    argv = [sys.executable, "-m", "dexec_kernel", "-f", "{connection_file}"]
    argv += [f"--lab={folder.absolute()}", "--DexecKernel.lab_once=True"]
    argv += [f"--DexecKernel.lab_tells={tells}"]

    @asynccontextmanager
    async def start() -> AsyncIterator[LabSession]:
        # Imported late: it is slow, and all of Jupyter.
        from dexec_kernel.grading.kernel import lab_kernel  # noqa: PLC0415

        with tempfile.TemporaryDirectory(prefix="dexec-lab-") as empty:
            async with lab_kernel(argv, environment, Path(empty)) as kernel:
                yield kernel

    return start


def run_until_stopped(work: Coroutine[Any, Any, _T]) -> _T:
    """Run work; on Ctrl-C or SIGTERM cancel it, wait for its end, and raise :class:`Stopped`."""

    async def main() -> _T:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel if task else loop.stop)
        return await work

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise Stopped from None


def check_file(path: str) -> None:
    """Raise :class:`ConfigurationError` for a file that cannot be written when all is done."""
    file = Path(path)
    if path != "-" and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise ConfigurationError(
            f"{path} cannot be written: it is a folder, or there is no such folder."
        )


def write_file(path: str, text: str) -> None:
    """Write a report, whole or not at all; ``-`` is stdout."""
    if path == "-":
        sys.stdout.write(text)
        return
    file = Path(path).absolute()
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:  # noqa: PTH123 -- a descriptor
            stream.write(text)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(file)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
