"""Filters of the picker: by the labels of containers, and by settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dexec_kernel.backend.models import LAB_LABEL, ContainerSummary
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker.names import names_of

#: ``false`` hides a container; ``true`` shows it with ``only_labelled``.
KERNEL_LABEL = "dexec.kernel"

_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off", ""})

#: The variables for settings that are not set; lists are separated by commas.
LABELS, INCLUDE, EXCLUDE, ONLY_LABELLED = (
    f"DEXEC_PICKER_{name}" for name in ("LABELS", "INCLUDE", "EXCLUDE", "ONLY_LABELLED")
)


@dataclass(frozen=True, slots=True)
class ContainerFilters:
    """Conditions for a container. Without any, all are shown but those labelled ``false``.

    The containers of labs are never shown: they belong to the kernels of their students.

    ``labels`` are ``KEY`` or ``KEY=VALUE``; a container needs all of them. ``include`` and
    ``exclude`` are patterns for names, with ``*``, ``?`` and ``[abc]``. A name must match one
    pattern of ``include``, if there are any, and no pattern of ``exclude``. The names of a Compose
    service are ``PROJECT/SERVICE`` and its container's name, those of a swarm's task are
    ``SERVICE.SLOT`` and its container's name.
    """

    labels: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only_labelled: bool = False

    def allow(self, container: ContainerSummary) -> bool:
        """Return whether the picker shows the container."""
        if LAB_LABEL in container.labels:
            return False
        says = container.labels.get(KERNEL_LABEL)
        if says is not None and _truth(says) is False:
            return False
        if self.only_labelled and (says is None or not _truth(says)):
            return False
        if not all(_has(container.labels, wanted) for wanted in self.labels):
            return False
        names = names_of(container)
        if self.include and not _fits(names, self.include):
            return False
        return not _fits(names, self.exclude)


def filters_of(environ: Mapping[str, str]) -> ContainerFilters:
    """Return the filters that the environment asks for.

    Raises :class:`ConfigurationError` if DEXEC_PICKER_ONLY_LABELLED is neither true nor false.
    """
    text = environ.get(ONLY_LABELLED, "")
    only_labelled = _truth(text)
    if only_labelled is None:
        raise ConfigurationError(
            f"{ONLY_LABELLED} is {text!r}, which is neither true nor false.",
            advice="Set it to 1 or to 0.",
        )
    return ContainerFilters(
        labels=_words(environ.get(LABELS, "")),
        include=_words(environ.get(INCLUDE, "")),
        exclude=_words(environ.get(EXCLUDE, "")),
        only_labelled=only_labelled,
    )


def _truth(text: str) -> bool | None:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def _has(labels: Mapping[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def _fits(names: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for part in text.split(",") if (word := part.strip()))
