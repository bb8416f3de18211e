"""The findings of ``dexec-kernel doctor``, and how they are printed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from dexec_kernel.cli.terminal import printable, say


class Verdict(Enum):
    """How a check went; the values are public."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "not checked"


_SYMBOLS = {
    Verdict.OK: "✓",
    Verdict.WARNING: "!",
    Verdict.FAILED: "✗",
    Verdict.SKIPPED: "-",
}
_STYLES = {
    Verdict.OK: "green",
    Verdict.WARNING: "yellow",
    Verdict.FAILED: "bold red",
    Verdict.SKIPPED: "dim",
}
_INDENT = " " * 14


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's outcome. ``fix`` is the remedy, a command if there is one.

    ``last`` is true when the checks after it cannot be made, though nothing is broken.
    """

    check: str
    status: Verdict
    message: str
    fix: str = ""
    last: bool = False

    @property
    def ends(self) -> bool:
        """True when what comes after it cannot be checked."""
        return self.last or self.status is Verdict.FAILED

    def to_json(self) -> dict[str, str]:
        """Return the public form."""
        return {
            "check": self.check,
            "status": self.status.value,
            "message": self.message,
            "fix": self.fix,
        }


def show(finding: Finding) -> None:
    """Print a finding. The remedy is on separate lines, to be copied."""
    symbol, message = _SYMBOLS[finding.status], printable(finding.message)
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415 -- slow, and a pipe does without
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        # A Text is not parsed as markup: a name may contain [red].
        style = _STYLES[finding.status]
        line = Table.grid(padding=(0, 1))
        line.add_column(width=1)
        line.add_column(width=len(_INDENT) - 3)
        line.add_column(overflow="fold")
        line.add_row(
            Text(symbol, style),
            Text(finding.check),
            Text(message, "dim" if finding.status is Verdict.SKIPPED else ""),
        )
        Console().print(line)
    else:
        first, *others = message.split("\n")
        say(f"{symbol} {finding.check:<{len(_INDENT) - 3}} {first}")
        for other in others:
            say(_INDENT + other)
    if finding.fix:
        say("\n".join(f"{_INDENT}→ {line}" for line in finding.fix.split("\n")))


def summary(findings: Sequence[Finding]) -> str:
    """Return the last line."""
    counts = Counter(finding.status for finding in findings)
    parts = []
    if failed := counts[Verdict.FAILED]:
        parts.append(f"{failed} broken")
    if warnings := counts[Verdict.WARNING]:
        parts.append(f"{warnings} {'warning' if warnings == 1 else 'warnings'}")
    if failed and (skipped := counts[Verdict.SKIPPED]):
        parts.append(f"{skipped} not checked")
    return ", ".join(parts) or "Everything works."
