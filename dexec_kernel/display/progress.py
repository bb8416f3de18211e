"""The display of ``%cp``: a bar while it copies, and one line afterwards. No I/O."""

from __future__ import annotations

from dexec_kernel.display.html import bundle, display, element
from dexec_kernel.display.style import box
from dexec_kernel.display.text import one_line
from dexec_kernel.files.report import Report
from dexec_kernel.units import format_size

_BOX = box(22, ";white-space:pre-wrap")
_BAR = "width:16em;height:8px;vertical-align:middle"


def progress_data(report: Report, title: str, *, seconds: float) -> dict[str, str]:
    """Return the mime bundle of a running copy; ``title`` names source and target."""
    expected = report.expected
    text = f"{format_size(report.size)}"
    bar = element("progress", style=_BAR)
    if expected:
        # A file may grow while it is copied.
        share = min(report.size / expected, 1.0)
        text = f"{share:.0%} of {format_size(expected)}"
        bar = element("progress", value=f"{share:.3f}", max="1", style=_BAR)
    speed = f"{format_size(report.size / seconds)}/s" if seconds > 0 else ""
    # Nothing follows where the page is loaded again meanwhile: it must not read as an end.
    count = f"{report.files} file{'' if report.files == 1 else 's'} so far"
    words = " · ".join(part for part in (text, speed, count) if part)
    html = display("div", f"{one_line(title)}  ", bar, f"  {words}", style=_BOX)
    return bundle(html, f"{one_line(title)}: {words}")


def summary_data(report: Report, title: str, *, ending: str) -> dict[str, str]:
    """Return the mime bundle of a copy that has ended; ``ending`` is "" for a whole one."""
    head = f"{one_line(title)}: {ending}{', ' if ending else ''}{report.summary}"
    lines = [head, *(f"  {one_line(line)}" for line in report.omissions)]
    text = "\n".join(lines)
    return bundle(display("div", text, style=_BOX), text)
