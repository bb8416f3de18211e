"""Which containers there are to choose from, and which one cells run in. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dexec_kernel.backend.models import ContainerInspect, ContainerSummary
from dexec_kernel.backend.targets import lasting_name, short_name
from dexec_kernel.display.html import bundle, display, element
from dexec_kernel.display.style import TABLE, box, cell_style
from dexec_kernel.display.text import one_line

_BOX = box(22)
NONE_CHOSEN = "Choose a container …"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A container that runs."""

    name: str
    image: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The containers to choose from. ``current`` is the name of the cells' container, or "".

    ``current_id`` is "" if that container does not exist; ``folder`` is its working directory.
    ``trouble`` says why cells cannot run there ("paused", "not found"); "" if they can.
    """

    candidates: tuple[Candidate, ...] = ()
    current: str = ""
    current_id: str = ""
    folder: str = ""
    trouble: str = ""

    def options(self, *, images: bool) -> list[tuple[str, str]]:
        """Return the entries of a list: labels with the container names that they mean, or "".

        The current container is always among them, so that the list can show it.
        """
        found = [
            (one_line(item.name + (f"  ({item.image})" if images else "")), item.name)
            for item in self.candidates
        ]
        if not self.current:
            return [(NONE_CHOSEN, ""), *found]
        if all(name != self.current for _, name in found):
            trouble = f"  ({self.trouble})" if self.trouble else ""
            return [(one_line(f"{self.current}{trouble}"), self.current), *found]
        return found


def offer_text(choice: Choice) -> str:
    """Return the choice for those who see no widget: a line of a magic for each container."""
    lines = [f"  %container {one_line(item.name)}" for item in choice.candidates]
    return "\n".join(["Choose a container; the cell is run then:", *lines])


def chosen_data(name: str, more: str = "") -> dict[str, str]:
    """Return the mime bundle that says that a container was chosen, and our ``more`` words."""
    name = one_line(name)
    before, after = "Cells run in ", f" from here on.{more}"
    html = display("div", before, element("b", name), after, style=_BOX)
    return bundle(html, f"{before}{name}{after}")


def closed_data(text: str) -> dict[str, str]:
    """Return the mime bundle of a choice that was not made, with our own words for it."""
    return bundle(display("div", element("i", text), style=_BOX), text)


def choice_data(
    running: Sequence[ContainerSummary],
    *,
    chosen: ContainerInspect | None,
    setting: str,
    trouble: str = "",
) -> dict[str, str]:
    """Return the mime bundle. ``setting`` is how the current container was named, "" if not.

    ``trouble`` says why the setting leads to no container.
    """
    head = trouble or "No container is chosen."
    if chosen is not None:
        how = "" if setting else ", the only running one"
        also = f", chosen as {setting}" if setting not in {"", chosen.name} else ""
        head = f"Cells run in {short_name(chosen.name)} (image {chosen.image}{how}{also})."
        if not chosen.running:
            reason = f": {chosen.why_not_running}" if chosen.why_not_running else ""
            head += f" It is not running{reason}."
        head += f" {chosen.note}" if chosen.note else ""
    if chosen is None and not running and not trouble:
        head += " No container is running."
    head = one_line(head)
    rows = [
        (
            "→" if chosen is not None and item.id == chosen.id else " ",
            f"%container {one_line(lasting_name(item))}",
            one_line(item.image),
            one_line(item.status),
        )
        for item in running
    ]
    lines = [f"{mark} {magic}  ({image}, {status})" for mark, magic, image, status in rows]
    body = [
        element("tr", *(element("td", cell, style=cell_style(cell)) for cell in cells))
        for mark, magic, image, status in rows
        for cells in [(mark, element("code", magic), image, status)]
    ]
    table = [element("table", *body, style=TABLE)] if body else []
    html = display("div", element("div", head), *table, style=box())
    return bundle(html, "\n".join([head, *lines]))
