"""Which containers the picker shows: by their labels, and by settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker.names import names_of

#: A container is left out with ``false``, and shown by ``only_labelled`` with ``true``.
KERNEL_LABEL = "dexec.kernel"

_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off", ""})

#: The variables that are read where no setting says otherwise; lists are separated by commas.
LABELS, INCLUDE, EXCLUDE, ONLY_LABELLED = (
    f"DEXEC_PICKER_{name}" for name in ("LABELS", "INCLUDE", "EXCLUDE", "ONLY_LABELLED")
)


@dataclass(frozen=True, slots=True)
class ContainerFilters:
    """What a container must be like. Without any, those are shown that do not say no.

    ``labels`` are ``KEY`` or ``KEY=VALUE``, and all of them are wanted. ``include`` and
    ``exclude`` are patterns for names, with ``*``, ``?`` and ``[abc]``: one of the former must fit
    where there are any, none of the latter may. A Compose service fits by ``PROJECT/SERVICE`` and
    by its container's name.
    """

    labels: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only_labelled: bool = False

    def allow(self, container: ContainerSummary) -> bool:
        """Return whether the picker shows the container."""
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

    Raises :class:`ConfigurationError` for a DEXEC_PICKER_ONLY_LABELLED that says neither.
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
