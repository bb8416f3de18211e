"""Which pods people are shown: the launcher's, and those that a kernel's lists have."""

from __future__ import annotations

import importlib.util
from enum import Enum

from dexec_kernel.errors import ConfigurationError

VARIABLE = "DEXEC_PICKER_PODS"
_NONE = frozenset({"none", "no", "off", "false", "0"})


class PodScope(Enum):
    """The pods that are shown."""

    NONE = "none"
    #: Those of the context's namespace, unless a program might ask a person for credentials.
    AUTO = "auto"
    NAMESPACE = "namespace"
    ALL = "all"


def pod_scope(text: str) -> PodScope:
    """Return the scope that a setting names, "" for the default.

    Raises :class:`ConfigurationError`.
    """
    word = text.strip().lower()
    if word in _NONE:
        return PodScope.NONE
    try:
        return PodScope(word or PodScope.AUTO.value)
    except ValueError as error:
        raise ConfigurationError(
            f"{text!r} is not a choice of pods for the kernel picker.",
            advice=f"Set {VARIABLE} (or c.DexecPicker.pods) to none, auto, namespace or all.",
        ) from error


def is_installed() -> bool:
    """Return whether the extra for clusters is there."""
    return importlib.util.find_spec("yaml") is not None
