"""The names of containers: in the kernelspec that is bound to them, and on a launcher's card.

JupyterLab's cards have lines of about 15 characters (two lines in older versions) and cut longer
names. It sorts by the shown name, so that the services of a project are next to each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import COMPOSE_PREFIX, bound_name

#: The name that a container wishes to have.
DISPLAY_NAME_LABEL = "dexec.display-name"

#: In characters: a name above this loses its middle, since its end tells it from others. A project
#: is the same for all its services.
_LONGEST, _LONGEST_PROJECT = 28, 16
_LONGEST_WISH = 100
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{12})[0-9a-f]*")


def names_of(container: ContainerSummary) -> tuple[str, ...]:
    """Return all names that a filter may mean."""
    bound = bound_name(container)
    if bound.startswith(COMPOSE_PREFIX):
        return container.name, bound.removeprefix(COMPOSE_PREFIX)
    return (container.name,)


def display_name(container: ContainerSummary) -> str:
    """Return what a card shows: the container's wish, or name and image.

    ``web (nginx:1.25)``, ``shop / db (postgres:16)``.
    """
    if wish := _printable(container.labels.get(DISPLAY_NAME_LABEL, ""))[:_LONGEST_WISH]:
        return wish
    bound = bound_name(container)
    if bound.startswith(COMPOSE_PREFIX):
        project, _, service = bound.removeprefix(COMPOSE_PREFIX).partition("/")
        name = f"{_shortened(project, _LONGEST_PROJECT)} / {_shortened(service)}"
    else:
        name = _shortened(bound)
    image = short_image(container.image)
    return f"{name} ({image})" if image else name


def short_image(image: str) -> str:
    """Return an image's name without registry, path and digest: ``nginx:1.25``."""
    if found := _DIGEST.fullmatch(image):
        return found[1]
    return _shortened(image.partition("@")[0].rpartition("/")[2])


def told_apart(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the name to show for each bound name, given (bound name, display name).

    Containers that would look the same get their full name in brackets.
    """
    pairs = dict(names)
    shown = list(pairs.values())
    return {
        bound: name if shown.count(name) == 1 else f"{name} ({bound.removeprefix(COMPOSE_PREFIX)})"
        for bound, name in pairs.items()
    }


def _shortened(text: str, longest: int = _LONGEST) -> str:
    name = _printable(text)
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head].rstrip('-_. ')}…{name[head + 1 - longest :].lstrip('-_. ')}"


def _printable(text: str) -> str:
    """Return a label's text on one line, without invisible characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
