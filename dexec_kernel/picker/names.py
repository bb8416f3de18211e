"""The names of containers: in the kernelspec that is bound to them, and on a launcher's card.

JupyterLab's cards have lines of about 15 characters, and show the same name as a tooltip; the menu
of Notebook 7 has one line. A kernelspec has this one name for all of them. JupyterLab sorts by it,
so that the services of a project are next to each other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import (
    COMPOSE_PREFIX,
    KUBE_PREFIX,
    SWARM_PREFIX,
    bound_name,
    plain_name,
)

#: The name that a container wishes to have.
DISPLAY_NAME_LABEL = "dexec.display-name"

#: In characters: a name above this loses its middle, since its end tells it from others. A project
#: is the same for all its services.
_LONGEST, _LONGEST_PROJECT = 44, 22
#: In characters: what is seen of a name in the menu of Notebook 7, which cuts the rest off.
_SEEN, _SHORT_PROJECT = 22, 8
_LONGEST_WISH, _LONGEST_IMAGE = 100, 28
_BETWEEN = " / "
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{12})[0-9a-f]*")


#: The name of a pod's kernel begins with it, so that pods stand together.
_POD = "pod "


def is_pod(bound: str) -> bool:
    """Return whether a bound name is that of a pod."""
    return bound.startswith(KUBE_PREFIX)


def names_of(container: ContainerSummary) -> tuple[str, ...]:
    """Return all names that a filter may mean."""
    bound = bound_name(container)
    other = plain_name(bound)
    if is_pod(bound):
        # With its namespace, and without; that of its owner, too.
        names = plain_name(container.name), other
        return (container.name, *names, *(name.partition("/")[2] for name in names))
    return (container.name,) if other == container.name else (container.name, other)


def wished_name(container: ContainerSummary) -> str:
    """Return the name that the container's label asks for, or ""."""
    return _printable(container.labels.get(DISPLAY_NAME_LABEL, ""))[:_LONGEST_WISH]


def display_names(containers: Mapping[str, ContainerSummary]) -> dict[str, str]:
    """Return what the cards show, for containers by their bound names.

    That is the container's wish, or name and image: ``web (nginx:1.25)``, ``shop / db
    (postgres:16)``. A name is whole unless it is very long, or begins as another does: then it
    loses its middle, and its end can be seen in Notebook's narrow menu, too. Containers that would
    look the same get their full name in brackets.
    """
    whole = {bound: _label(bound, found) for bound, found in containers.items()}
    beginnings = Counter(label[:_SEEN].casefold() for label in whole.values())
    crowded = {
        _family(bound)
        for bound, label in whole.items()
        if len(label) > _SEEN and beginnings[label[:_SEEN].casefold()] > 1
    }
    shown: dict[str, str] = {}
    for bound, found in containers.items():
        label = _label(bound, found, is_short=_family(bound) in crowded)
        image = "" if wished_name(found) else short_image(found.image)
        shown[bound] = f"{label} ({image})" if image else label
    return told_apart(shown.items())


def _family(bound: str) -> str:
    """Return what the names of containers that stand side by side have in common."""
    has_family = bound.startswith((COMPOSE_PREFIX, KUBE_PREFIX))
    return bound.partition("/")[0] if has_family else bound


def _label(bound: str, container: ContainerSummary, *, is_short: bool = False) -> str:
    """Return a container's name without its image."""
    if wish := wished_name(container):
        return wish
    longest = _SEEN if is_short else _LONGEST
    if bound.startswith(SWARM_PREFIX):
        return _shortened(task_label(bound), longest)
    if not bound.startswith((COMPOSE_PREFIX, KUBE_PREFIX)):
        return _shortened(bound, longest)
    project, _, service = plain_name(bound).partition("/")
    project = _shortened(project, _SHORT_PROJECT if is_short else _LONGEST_PROJECT)
    head = f"{_POD if is_pod(bound) else ''}{project}{_BETWEEN}"
    return f"{head}{_shortened(service, longest - len(head))}"


def task_label(bound: str) -> str:
    """Return a swarm task's name for people: ``web.1``; of a global service that of the service.

    Such a service has one task on a node, which has a long id.
    """
    service, _, slot = plain_name(bound).partition(".")
    return f"{service}.{slot}" if slot.isdecimal() else service


def short_image(image: str) -> str:
    """Return an image's name without registry, path and digest: ``nginx:1.25``."""
    if found := _DIGEST.fullmatch(image):
        return found[1]
    return _shortened(image.partition("@")[0].rpartition("/")[2], _LONGEST_IMAGE)


def told_apart(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the name to show for each bound name, given (bound name, display name).

    Containers that would look the same get their full name in brackets.
    """
    pairs = dict(names)
    shown = list(pairs.values())
    return {
        bound: name if shown.count(name) == 1 else f"{name} ({plain_name(bound)})"
        for bound, name in pairs.items()
    }


def _shortened(text: str, longest: int) -> str:
    name = _printable(text)
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head].rstrip('-_. ')}…{name[head + 1 - longest :].lstrip('-_. ')}"


def _printable(text: str) -> str:
    """Return a label's text on one line, without invisible characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
