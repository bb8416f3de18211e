"""Pods in the picker: which are shown, and what their kernels need to find the cluster again."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube.kubeconfig import CONTEXT_VARIABLE, ClusterAccess

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
            f"{text!r} says not which pods the kernel picker shows.",
            advice=f"Set {VARIABLE} (or c.DexecPicker.pods) to none, auto, namespace or all.",
        ) from error


def is_installed() -> bool:
    """Return whether the extra for clusters is there."""
    return importlib.util.find_spec("yaml") is not None


def cluster_env(environ: Mapping[str, str], access: ClusterAccess) -> dict[str, str]:
    """Return the variables by which a kernel finds the cluster that ``access`` leads to.

    The context is kept by its name: another may be the current one by the time of the next start.
    """
    kept: dict[str, str] = {}
    if files := [part for part in environ.get("KUBECONFIG", "").split(":") if part]:
        kept["KUBECONFIG"] = ":".join(str(Path(part).absolute()) for part in files)
    if access.context:
        kept[CONTEXT_VARIABLE] = access.context
    return kept


class Reports:
    """Logs a fault of a watch once, and its end."""

    def __init__(self, log: logging.Logger, of: str) -> None:
        self._log = log
        self._of = of
        self._reported = ""

    def take(self, fault: str) -> None:
        """Take the state of a watch: its fault, "" for none."""
        if fault and not self._reported:
            self._log.info("dexec-kernel: the kernel picker cannot ask for %s. %s", self._of, fault)
        elif self._reported and not fault:
            self._log.info("dexec-kernel: the kernel picker has its %s again.", self._of)
        self._reported = fault
