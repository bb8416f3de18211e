"""What only a kernel knows: its last cells and its session, as files and variables for a check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: How many of the last cells a check sees.
MAX_CELLS = 100
#: In bytes: one environment variable takes 131,071 with its name. The files have all of it.
_MAX_VARIABLE = 100_000


@dataclass(frozen=True, slots=True)
class CellFact:
    """A cell that has run: its text, its output as it was shown, its exit code where known."""

    text: str
    output: str = field(default="", repr=False)
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The session of the student. ``cells`` has the oldest first.

    ``exported`` are the variables that cells have in their environment, ``variables`` the names of
    all variables, ``options`` those of the shell's options that are set.
    """

    cells: tuple[CellFact, ...] = ()
    folder: str = ""
    exported: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()

    def environment(self, folder: str) -> dict[str, str]:
        """Return the check's variables, where its files are in ``folder``."""
        found = {
            "DEXEC_HISTORY": f"{folder}/history",
            "DEXEC_SESSION": f"{folder}/session",
            "DEXEC_FOLDER": self.folder,
            "DEXEC_LAST_CELL": "",
            "DEXEC_LAST_OUTPUT": "",
            "DEXEC_LAST_EXIT_CODE": "",
        }
        if self.cells:
            last = self.cells[-1]
            found["DEXEC_LAST_CELL"] = last.text
            found["DEXEC_LAST_OUTPUT"] = last.output
            found["DEXEC_LAST_EXIT_CODE"] = _number(last.exit_code)
        return {name: _short(value.replace("\0", "")) for name, value in found.items()}

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the check's files, by their paths below its folder."""
        for number, cell in enumerate(self.cells[-MAX_CELLS:], 1):
            place = f"history/{number:03}"
            yield f"{place}/cell", _bytes(cell.text)
            yield f"{place}/output", _bytes(cell.output)
            yield f"{place}/exit_code", _bytes(_number(cell.exit_code))
        yield "session/folder", _bytes(self.folder)
        for name, value in self.exported.items():
            if name.isidentifier():
                yield f"session/exported/{name}", _bytes(value)
        for kind in ("variables", "functions", "aliases", "options"):
            names = sorted(getattr(self, kind))
            yield f"session/{kind}", _bytes("".join(f"{name}\n" for name in names))


def _number(exit_code: int | None) -> str:
    return "" if exit_code is None else str(exit_code)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _short(text: str) -> str:
    """Return the end of a text, as much as a variable takes."""
    encoded = _bytes(text)
    return (
        encoded[-_MAX_VARIABLE:].decode("utf-8", "replace")
        if len(encoded) > _MAX_VARIABLE
        else text
    )
