"""The script ``setup.sh`` of a lab: run as root in a new container, and not to be read later."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from dexec_kernel.backend.models import ExecConfig, ExecState
from dexec_kernel.backend.protocol import Backend, Exec
from dexec_kernel.errors import DexecError, LabUnusable

#: The script's file in the lab's folder.
SETUP = "setup.sh"
#: In seconds: how long the script may take; and between two looks whether it has ended.
_LONGEST, _LOOK_EVERY = 600.0, 0.25
#: In bytes: what is kept of its output, for the teacher.
_KEPT = 64 * 1024
_READ = 'script=$(cat) || exit; eval "$script"'
_SHELL = re.compile(r"#!\s*(?:\S*/env\s+)?(\S*/)?(?P<name>sh|bash|dash|ash|ksh|zsh)(?:\s|$)")
_OTHER = re.compile(r"#!\s*(?:\S*/env\s+)?(?P<words>\S[^\n]*)")


async def run_setup(
    backend: Backend,
    container: str,
    folder: Path,
    progress: Callable[[str], None] = lambda _text: None,
) -> None:
    """Run the script of the lab in ``folder``, if there is one, as root.

    What it starts in the background goes on. Raises :class:`LabUnusable` unless it ends with 0.
    """
    try:
        script = await asyncio.to_thread((folder / SETUP).read_text, encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise LabUnusable(f"{SETUP} of the lab cannot be read: {error}.") from error
    progress("setting it up")
    config = ExecConfig(_command(script), attach_stdin=True, user="0")
    try:
        async with asyncio.timeout(_LONGEST):
            attached = await backend.exec(container, config)
            try:
                exit_code, output = await _follow(attached, script.encode())
            finally:
                attached.close()
    except TimeoutError as error:
        raise LabUnusable(f"{SETUP} of the lab took more than {_LONGEST:g} s.") from error
    if exit_code != 0:
        said = "" if exit_code is None else f" with exit code {exit_code}"
        raise LabUnusable(f"{SETUP} of the lab ended{said}.", output=output)


def _command(script: str) -> list[str]:
    """Return the command that runs the script on its stdin.

    A file or an argument could be read by the student: what a shell starts in the background has
    the shell's own arguments. The shell reads the whole script first, so that no command in it can
    take the rest for its input.
    """
    shell = _SHELL.match(script)
    if shell is None and (other := _OTHER.match(script)):
        return [*other["words"].split(), "-"]
    return [shell["name"] if shell else "sh", "-c", _READ]


async def _follow(attached: Exec, stdin: bytes) -> tuple[int | None, str]:
    """Return the exit code and the output. A process in the background may hold the stream."""
    output = bytearray()

    async def read() -> None:
        while frames := await attached.read():
            for frame in frames:
                output.extend(frame.data[: max(0, _KEPT - len(output))])

    async def write() -> None:
        await attached.write(stdin)
        await attached.close_write()

    reading, writing = asyncio.ensure_future(read()), asyncio.ensure_future(write())
    try:
        while not reading.done():
            await asyncio.wait({reading}, timeout=_LOOK_EVERY)
            if not reading.done() and (await attached.inspect()).state is ExecState.EXITED:
                break
        exit_code = (await attached.wait()).exit_code
        if reading.done():
            reading.result()
    except DexecError as error:
        raise LabUnusable(f"{SETUP} of the lab could not be run: {error.message}") from error
    finally:
        reading.cancel()
        writing.cancel()
        await asyncio.gather(reading, writing, return_exceptions=True)
    return exit_code, output.decode("utf-8", "replace")
