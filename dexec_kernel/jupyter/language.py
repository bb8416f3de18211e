"""Answers about text: completion, help, completeness."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from dexec_kernel.backend.targets import candidates, lasting_name
from dexec_kernel.cells.source.is_complete import Status, is_complete
from dexec_kernel.cells.workspace import Workspace, Workspaces
from dexec_kernel.display.text import some_lines
from dexec_kernel.errors import DexecError
from dexec_kernel.jupyter.target import Target
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.magics.complete import MagicWord, Wanted, magic_at, magic_help
from dexec_kernel.shell.complete import CompletionContext, Completions, Match, complete
from dexec_kernel.shell.describe import describe
from dexec_kernel.shell.state import ShellState

_T = TypeVar("_T")
_TYPES_KEY = "_jupyter_types_experimental"


class Language:
    """Answers in the form of the messaging protocol. Close it with :meth:`aclose`.

    A question that takes longer than ``timeout``, in seconds, is answered with nothing: a person
    types on, and the answer would be for text that has changed. While its exec goes on, no other
    is asked.
    """

    def __init__(
        self,
        target: Target,
        *,
        workspaces: Workspaces,
        timeout: Callable[[], float],
        log: logging.Logger,
    ) -> None:
        self._target = target
        self._workspaces = workspaces
        self._timeout = timeout
        self._log = log
        self._question: asyncio.Task[Any] | None = None

    async def aclose(self) -> None:
        """End the question that goes on, if one does."""
        if self._question is not None:
            self._question.cancel()
            await asyncio.gather(self._question, return_exceptions=True)

    async def complete(self, code: str, position: int) -> dict[str, Any]:
        """Return the content of a ``complete_reply``."""
        magic = magic_at(code, position, REGISTRY)
        found: Completions | None
        if magic is not None and magic.wanted is Wanted.NOTHING:
            kind = "magic" if magic.word.startswith("%") else "option"
            matches = tuple(Match(word, kind) for word in magic.words)
            found = Completions(matches, magic.start, position)
        elif magic is not None and magic.wanted is Wanted.CONTAINER:
            found = await self._within(self._containers(magic, position))
        elif magic is not None and magic.wanted in {Wanted.TASK, Wanted.MEMBER}:
            found = await self._within(self._of_lab(magic, position))
        else:
            found = await self._within(self._shell_text(code, position, magic))
        found = found or Completions((), position, position)
        types = [
            {"start": found.start, "end": found.end, "text": match.text, "type": match.type}
            for match in found.matches
        ]
        return {
            "status": "ok",
            "matches": [match.text for match in found.matches],
            "cursor_start": found.start,
            "cursor_end": found.end,
            "metadata": {_TYPES_KEY: types},
        }

    async def inspect(self, code: str, position: int) -> dict[str, Any]:
        """Return the content of an ``inspect_reply``."""
        text: str | None = magic_help(code, position, REGISTRY)
        if not text:
            text = await self._within(self._describe(code, position))
        data = {"text/plain": some_lines(text)} if text else {}
        return {"status": "ok", "found": bool(text), "data": data, "metadata": {}}

    @staticmethod
    def is_complete(code: str) -> dict[str, Any]:
        """Return the content of an ``is_complete_reply``."""
        answer = is_complete(code)
        if answer.status is Status.INCOMPLETE:
            return {"status": answer.status.value, "indent": answer.indent}
        return {"status": answer.status.value}

    # --- the container ---------------------------------------------------------------------------

    async def _within(self, question: Coroutine[Any, Any, _T]) -> _T | None:
        """Return the answer to a question, or None if it is late or the engine fails."""
        if self._question is not None and not self._question.done():
            question.close()
            return None
        task = self._question = asyncio.create_task(question)
        await asyncio.wait({task}, timeout=self._timeout())
        if not task.done():
            task.add_done_callback(self._note)
            return None
        self._note(task)
        if task.cancelled() or task.exception() is not None:
            return None
        answer: _T = task.result()
        return answer

    def _note(self, task: asyncio.Task[Any]) -> None:
        """Log what went wrong; nobody who types wants to be told."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        level = logging.DEBUG if isinstance(error, DexecError) else logging.ERROR
        self._log.log(level, "No completion or help: %r", error)

    async def _containers(self, magic: MagicWord, position: int) -> Completions:
        running = await candidates(await self._target.client())
        names = [name for c in running for name in dict.fromkeys((c.name, lasting_name(c)))]
        names = [name for name in names if name.startswith(magic.word)]
        matches = tuple(Match(name, "container") for name in names)
        return Completions(matches, magic.start, position)

    async def _of_lab(self, magic: MagicWord, position: int) -> Completions:
        lab = await self._target.lab()
        kind = magic.wanted.value
        named = () if lab is None else lab.tasks if magic.wanted is Wanted.TASK else lab.containers
        names = [item.name for item in named if item.name.startswith(magic.word)]
        return Completions(tuple(Match(name, kind) for name in names), magic.start, position)

    async def _shell_text(self, code: str, position: int, magic: MagicWord | None) -> Completions:
        begin = 0 if magic is None else magic.start
        workspace = await self._workspace()
        context = _context(workspace.state)
        found = await complete(code[begin:], position - begin, ask=workspace.ask, context=context)
        return Completions(found.matches, found.start + begin, found.end + begin)

    async def _describe(self, code: str, position: int) -> str:
        workspace = await self._workspace()
        context = _context(workspace.state)
        return await describe(code, position, ask=workspace.ask, context=context)

    async def _workspace(self) -> Workspace:
        """Return the workspace of the session that is asked about."""
        client, container = await self._target.client(), await self._target.running()
        return self._workspaces.of(client, container)


def _context(state: ShellState | None) -> CompletionContext:
    """Return what is known of a session besides what an exec sees."""
    if state is None:
        return CompletionContext()
    return CompletionContext(state.folder or None, state.variables, state.functions, state.aliases)
