"""The doctor's check of the settings that the environment gives to kernels."""

from __future__ import annotations

from collections.abc import Mapping

from dexec_kernel.cells.source.parser import did_you_mean
from dexec_kernel.cli.findings import Finding, Verdict
from dexec_kernel.jupyter.settings import ENVIRONMENT_PREFIX, Settings

_SETTINGS = "settings"
#: The variables of others than the kernel: the picker, the look for a cluster, the server.
_OTHERS = ("DEXEC_PICKER_", "DEXEC_KUBE_CONTEXT", "DEXEC_SERVER_LOG_")


def check_settings(environ: Mapping[str, str]) -> Finding:
    """Check the ``DEXEC_NAME`` variables: no cell runs with an invalid one."""
    settings = Settings()
    settings.take_environment(environ)
    if settings.fault is not None:
        return Finding(_SETTINGS, Verdict.FAILED, settings.fault.message, settings.fault.advice)
    known = Settings.variables()
    given = sorted(name for name in environ if name.startswith(ENVIRONMENT_PREFIX))
    unknown = [name for name in given if name not in known and not name.startswith(_OTHERS)]
    if unknown:
        wrong = " ".join(f"{name} is no setting.{did_you_mean(name, known)}" for name in unknown)
        fix = "Unset it, or correct its name: docs/reference/settings.md has all settings."
        return Finding(_SETTINGS, Verdict.WARNING, wrong, fix)
    names = ", ".join(name for name in given if name in known)
    return Finding(_SETTINGS, Verdict.OK, names or "the defaults (no DEXEC_ variable is set)")
