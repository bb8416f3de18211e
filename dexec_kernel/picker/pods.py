"""Pods in the picker: the variables of their kernels, and the faults of the watch, said once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from dexec_kernel.kube.kubeconfig import CONTEXT_VARIABLE, ClusterAccess


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
