"""A cell's stdin while it is open: its readers, the questions and the answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dexec_kernel.backend.protocol import Exec
from dexec_kernel.cells.input.prompt import Prompt, asks_for_secret
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.errors import EngineError
from dexec_kernel.shell.language.reads import which_read

_log = logging.getLogger(__name__)

#: In seconds: how long a cell has been silent when it is first looked at, then how often.
FIRST_LOOK, MAX_PAUSE, _GROWTH = 0.15, 1.0, 1.4
#: In seconds: an answer may be on its way while its reader seems to wait for another.
_SECOND_LOOK = 0.1
#: In seconds: the silence after which a cell with ``-i`` asks for input in any case.
FORCED_AFTER = 0.5
#: The number of lines that may wait for a cell, and the characters of one.
MAX_LINES, MAX_LINE = 1000, 1024 * 1024
#: A front end's answer for end of file, as in ipykernel.
END_OF_FILE = "\x04"


@dataclass(frozen=True, slots=True)
class Question:
    """A program's question; a ``secret`` answer is hidden while it is typed."""

    prompt: str
    secret: bool


#: Asks the user, and returns the line without its end. A question that is cancelled is withdrawn.
Ask = Callable[[Question], Awaitable[str]]
#: Returns what waiting.sh says of the cell with this PID, as the cell's user; None for no answer.
FindReader = Callable[[int], Awaitable[str | None]]


class Stdin:
    """Asks for the input of one cell when a process of it waits for some.

    The owner tells what is printed, and which process is the leader; :meth:`serve` does the rest
    until the end of the input. ``changed`` is called when :attr:`question` has changed. An answer
    reaches the process and nothing else, no log either. It may come from elsewhere, by
    :meth:`send`: then the question is withdrawn.
    """

    def __init__(
        self,
        ask_user: Ask,
        source: str,
        find_reader: FindReader,
        *,
        options: CellOptions,
        changed: Callable[[], None],
    ) -> None:
        self._ask_user = ask_user
        #: The text that a shell runs, in which its prompts stand.
        self._source = "" if options.command or options.tty else source
        self._shell_answers = 0
        self._find_reader = find_reader
        self._options = options
        self._changed = changed
        self._prompt = Prompt()
        self._printed = asyncio.Event()
        self._ended = asyncio.Event()
        self._closed = asyncio.Event()
        #: True from an answer until the cell prints.
        self._is_answered = False
        self._lines: asyncio.Queue[str] = asyncio.Queue(MAX_LINES)
        self._has_asked = False
        #: The open question, or None.
        self.question: Question | None = None

    @property
    def takes_lines(self) -> bool:
        """Whether a line may be sent: from the first question on, or with ``-i`` at any time."""
        return not self._closed.is_set() and (self._has_asked or self._options.interactive)

    def printed(self, data: bytes) -> None:
        """Take what the cell has printed."""
        self._prompt.feed(data)
        self._is_answered = self._is_answered and self._options.tty
        self._printed.set()

    def send(self, line: str) -> None:
        """Give the cell a line, without its end, whether or not a question is open.

        A cell that reads none gets at most ``MAX_LINES``, and the rest is dropped.
        """
        try:
            self._lines.put_nowait(line[:MAX_LINE])
        except asyncio.QueueFull:
            _log.warning("A line for a cell is dropped: %d wait already.", MAX_LINES)

    def end(self) -> None:
        """Give the cell end of file."""
        self._ended.set()

    def close(self) -> None:
        """Ask no more, as the cell is being ended; a question is withdrawn."""
        self._closed.set()
        self._ended.set()

    async def serve(self, attached: Exec, leader: Callable[[], int | None]) -> None:
        """Ask and answer until the end of file is due.

        A terminal's end of file ends one read, and it goes on. Raises what writing raises.
        """
        try:
            while not self._closed.is_set():
                answer = await self._next_answer(leader())
                if self._closed.is_set():
                    break
                if answer is not None:
                    self._is_answered = True
                    self._prompt.clear()
                    self._printed.clear()
                    await attached.write(answer.encode() + b"\n")
                elif self._options.tty:
                    self._is_answered = True
                    await attached.close_write()
                else:
                    self._closed.set()
                    self._changed()
                    return
            # Only the end of the stream is left to wait for; the owner cancels this with it.
            await asyncio.Event().wait()
        finally:
            self._closed.set()

    async def _next_answer(self, leader: int | None) -> str | None:
        """Return the next line; None for end of file."""
        if not self._lines.empty():
            return self._lines.get_nowait()
        ended = asyncio.create_task(self._ended.wait())
        answer = asyncio.create_task(self._ask_when_it_waits(leader))
        line = asyncio.create_task(self._lines.get())
        try:
            await asyncio.wait({ended, answer, line}, return_when=asyncio.FIRST_COMPLETED)
            if line.done():
                return line.result()
            if answer.done() and not ended.done():
                text = await answer
                return None if text == END_OF_FILE else text
            self._ended.clear()
            return None
        finally:
            for task in (ended, answer, line):
                task.cancel()
            await asyncio.gather(ended, answer, line, return_exceptions=True)

    async def _ask_when_it_waits(self, leader: int | None) -> str:
        words = await self._wait_for_reader(leader)
        prompt = self._prompt.text
        secret = "noecho" in words
        if words and words[0] == str(leader):
            command = which_read(self._source, self._shell_answers)
            self._shell_answers += 1
            prompt = prompt or command.prompt
            secret = secret or command.is_silent
        question = Question(prompt, secret or asks_for_secret(prompt))
        self._set_question(question)
        try:
            return await self._ask_user(question)
        finally:
            self._set_question(None)

    async def _wait_for_reader(self, leader: int | None) -> list[str]:
        """Wait until a process waits for input; return the container's report about it."""
        loop = asyncio.get_running_loop()
        pause, silent_since = FIRST_LOOK, loop.time()
        while True:
            forced_in = silent_since + FORCED_AFTER - loop.time()
            wait = min(pause, max(0.0, forced_in)) if self._options.interactive else pause
            if await self._was_printed_within(wait):
                pause, silent_since = FIRST_LOOK, loop.time()
                continue
            words = await self._look(leader)
            if words and self._is_answered:
                if await self._was_printed_within(_SECOND_LOOK):
                    pause, silent_since = FIRST_LOOK, loop.time()
                    continue
                words = await self._look(leader)
            if self._printed.is_set():
                continue  # The process may have been answered by other means since.
            if words:
                return words
            if self._options.interactive and loop.time() >= silent_since + FORCED_AFTER:
                return []
            pause = min(pause * _GROWTH, MAX_PAUSE)

    async def _was_printed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._printed.wait()
        except TimeoutError:
            return False
        self._printed.clear()
        return True

    async def _look(self, leader: int | None) -> list[str]:
        """Return the container's report about waiting processes, in words; empty if none waits."""
        if leader is None:
            return []
        try:
            answer = await self._find_reader(leader)
        except EngineError:
            return []  # The cell's own stream tells more.
        return answer.split() if answer else []

    def _set_question(self, question: Question | None) -> None:
        self.question = question
        self._has_asked = True
        self._changed()
