"""Tells the desktop, or a command of the user's, that a long cell has ended.

Nobody waits for the program: it runs beside the kernel, has a time limit, and what it prints is
dropped. The text is of the record's facts alone. A cell's code, output and environment never get
into it, since desktops log their notifications.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
import shutil
from asyncio.subprocess import DEVNULL, Process

from dexec_kernel.backend.targets import short_name
from dexec_kernel.cells.outcome import Snapshot, State
from dexec_kernel.units import format_duration

_DESKTOP = "notify-send"
#: In seconds: a program that hangs is killed.
_TIMEOUT = 10.0
_TITLE = "dexec"


def text_of(snapshot: Snapshot) -> str:
    """Return one line on how a cell has ended: ``web: exit code 0 after 2 min 05 s``."""
    ending = snapshot.state.value
    if snapshot.state is State.EXITED and snapshot.exit_code is not None:
        ending = f"exit code {snapshot.exit_code}"
    name = "".join(char if char.isprintable() else "?" for char in short_name(snapshot.container))
    return f"{name}: {ending} after {format_duration(snapshot.duration)}"


def command_of(command: str, snapshot: Snapshot) -> list[str] | None:
    """Return the program and its arguments; None if no command is set and no desktop is there.

    The command is split into words as a shell would, and given to no shell; the text is its last
    argument. Raises ValueError for an open quote.
    """
    text = text_of(snapshot)
    if command.strip():
        return [*shlex.split(command), text]
    found = shutil.which(_DESKTOP)
    # A text that begins with a dash is no option; `<` would be markup.
    return [found, f"--app-name={_TITLE}", "--", _TITLE, _plain(text)] if found else None


class Notifier:
    """Starts the programs, and ends those that hang. Everything is on the main event loop."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def cell_ended(self, snapshot: Snapshot, *, seconds: float, command: str) -> None:
        """Take in the end of a cell; ``seconds`` is how long a cell must take, 0 for never."""
        if seconds <= 0 or snapshot.duration < seconds:
            return
        try:
            words = command_of(command, snapshot)
        except ValueError as error:
            self._log.warning("The setting notify_command cannot be read: %s.", error)
            return
        if words is not None:
            task = asyncio.get_running_loop().create_task(self._run(words))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """End what still runs."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, words: list[str]) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=DEVNULL,
                cwd="/",
                start_new_session=True,  # an interrupt of the kernel is none of the program's
            )
        except (OSError, ValueError) as error:
            self._log.warning("A notification cannot be sent: %s", error)
            return
        await _finish(process)


async def _finish(process: Process) -> None:
    """Wait for a program; kill it when its time is up, or when the kernel ends."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
