"""The report of a copy, counted while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from dexec_kernel.units import format_size

_NAMED = 5


@dataclass(slots=True)
class Report:
    """Counts of the copied files and folders; ``size`` is the bytes of the files' contents.

    ``expected`` is the final ``size``, or None if unknown. ``left_out`` has the first names that
    were not copied, each with its reason.
    """

    files: int = 0
    folders: int = 0
    links: int = 0
    size: int = 0
    expected: int | None = None
    omitted: int = 0
    left_out: list[str] = field(default_factory=list)

    def leave_out(self, name: str, reason: str) -> None:
        """Note that something was not copied."""
        self.omitted += 1
        if len(self.left_out) < _NAMED:
            self.left_out.append(f"{name}: {reason}")

    @property
    def summary(self) -> str:
        """The report in one line: ``3 files, 1 folder, 1.2 MiB``."""
        counts = [(self.files, "file"), (self.folders, "folder"), (self.links, "link")]
        words = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts if n]
        return ", ".join([*(words or ["0 files"]), format_size(self.size)])

    @property
    def omissions(self) -> list[str]:
        """Lines about the files that were left out."""
        if not self.omitted:
            return []
        more = self.omitted - len(self.left_out)
        lines = [f"{self.omitted} left out:", *(f"  {line}" for line in self.left_out)]
        return [*lines, f"  and {more} more"] if more else lines
