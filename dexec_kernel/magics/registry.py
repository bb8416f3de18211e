"""A magic: its name, arguments and handler; and finding and running a cell's magics.

There is a module for each subject, with its magics in a tuple ``MAGICS``; ``catalogue`` gathers
them. A handler gets the context and its parsed arguments. It raises :class:`DexecError` for faults
and is cancelled when the cell is interrupted: it closes its resources in ``finally``.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dexec_kernel.cells.source.cell import CELL_MAGICS, MagicLine
from dexec_kernel.cells.source.exec_magic import is_exec_magic
from dexec_kernel.cells.source.parser import MagicParser, asks_for_help, nearest
from dexec_kernel.errors import UnknownMagic
from dexec_kernel.magics.context import MagicContext

Handler = Callable[[MagicContext, Namespace], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Magic:
    """A magic. ``name`` is without its signs, ``summary`` one line for the list of all.

    A cell magic (``takes_body``) is called with ``%%``; the handler finds the text below its line
    in ``arguments.body``, unchanged. One ``is_of_lab`` does something in the kernel of a lab alone.
    """

    name: str
    summary: str
    parser: MagicParser
    handler: Handler
    takes_body: bool = False
    is_of_lab: bool = False

    @property
    def sign(self) -> str:
        """The name as it is called: ``%logs``, ``%%writefile``."""
        return ("%%" if self.takes_body else "%") + self.name

    @property
    def usage(self) -> str:
        """The usage in one line, with the name."""
        return self.parser.usage_line

    @property
    def help(self) -> str:
        """The whole help."""
        return self.parser.format_help()


class Call:
    """A magic with its arguments read, ready to run."""

    def __init__(self, magic: Magic, arguments: Namespace | None) -> None:
        self._magic = magic
        self._arguments = arguments

    async def __call__(self, context: MagicContext) -> None:
        """Run the magic, or show its help."""
        if self._arguments is None:
            context.show_text(self._magic.help)
        else:
            await self._magic.handler(context, self._arguments)


class Registry:
    """All magics, by name."""

    def __init__(self, magics: Sequence[Magic]) -> None:
        self._magics: Mapping[str, Magic] = {magic.sign: magic for magic in magics}

    def __iter__(self) -> Iterator[Magic]:
        """All magics, in the order of the list."""
        return iter(self._magics.values())

    def knows(self, sign: str) -> bool:
        """Return whether ``sign`` is a magic's: one of these, ``%%exec``, or a short form of it."""
        return sign in self._magics or (
            sign.startswith("%%") and is_exec_magic(sign.removeprefix("%%"))
        )

    def read(self, line: MagicLine, *, body: str = "") -> Call:
        """Find a magic and read its arguments; nothing is run.

        Raises :class:`UnknownMagic`, and :class:`CellSyntaxError` for invalid arguments.
        """
        magic = self._magics.get(line.sign)
        if magic is None:
            raise self._unknown(line.sign)
        if asks_for_help(line.arguments):
            return Call(magic, None)
        arguments = magic.parser.read(line.arguments)
        if magic.takes_body:
            arguments.body = body
        return Call(magic, arguments)

    def _unknown(self, sign: str) -> UnknownMagic:
        near = nearest(sign, [*self._magics, *(f"%%{name}" for name in CELL_MAGICS)])
        if not near:
            advice = "%magics lists the magics."
            if not sign.startswith("%%"):
                # Those of IPython, such as %cd, %ls and %pip, are commands here.
                advice += f"\nA command of the container is written without the %: {sign[1:]}"
            return UnknownMagic(f"There is no magic {sign}.", advice=advice)
        usage = f"  {self._magics[near].usage}" if near in self._magics else ""
        return UnknownMagic(
            f"There is no magic {sign}. Did you mean {near}?",
            advice=usage or f"{near} --help explains it.",
        )


async def run_calls(calls: Sequence[Call], context: MagicContext) -> bool:
    """Run magics one after the other; return False when ``context.interrupted`` ended them."""
    for call in calls:
        if context.interrupted.is_set():
            return False
        work = asyncio.ensure_future(call(context))
        interrupted = asyncio.ensure_future(context.interrupted.wait())
        try:
            await asyncio.wait({work, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return False
            work.result()
            context.completed += 1
        finally:
            interrupted.cancel()
            work.cancel()
            await asyncio.gather(work, interrupted, return_exceptions=True)
    return True
