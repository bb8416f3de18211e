"""Which containers there are to choose from, and which one cells run in. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from dexec_kernel.display.text import one_line

_BOX = 'style="padding-left:8px;font-family:system-ui,sans-serif;font-size:12px;line-height:22px"'
NONE_CHOSEN = "Choose a container …"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A container that runs."""

    name: str
    image: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What is known. ``current`` is the name of the container that cells run in, "" for none.

    ``current_id`` is "" where there is no such container, ``folder`` its working directory.
    ``trouble`` says in words why cells do not run there: "paused", "not found"; "" where they do.
    """

    candidates: tuple[Candidate, ...] = ()
    current: str = ""
    current_id: str = ""
    folder: str = ""
    trouble: str = ""

    def options(self, *, images: bool) -> list[tuple[str, str]]:
        """Return what a list shows: labels, with the names that they stand for, "" for none.

        The current one is always among them, so that a list can show what is.
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


def chosen_data(name: str) -> dict[str, str]:
    """Return the mime bundle that says that a container was chosen."""
    name = one_line(name)
    html = f"Cells run in <b>{escape(name)}</b> from here on. Run the cell again."
    return {
        "text/plain": f"Cells run in {name} from here on. Run the cell again.",
        "text/html": f"<div {_BOX}>{html}</div>",
    }


def closed_data() -> dict[str, str]:
    """Return the mime bundle of a choice that was not made."""
    text = "No container was chosen here."
    return {"text/plain": text, "text/html": f"<div {_BOX}><i>{text}</i></div>"}
