"""The doctor's checks of the Jupyter server and of its kernel picker."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import usable
from dexec_kernel.cli.findings import Finding, Verdict
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker.server import EXTENSION, find_server
from dexec_kernel.picker.specs import container_specs

_SERVER, _PICKER = "server", "picker"
_SHOWN = 8
_COMMANDS = ("jupyter-lab", "jupyter-notebook")


def check_server(environ: Mapping[str, str]) -> Finding:
    """Check that there is a server that shows kernels, and that it loads our extension."""
    try:
        server = find_server(environ)
    except ConfigurationError as error:
        return Finding(_SERVER, Verdict.WARNING, error.message, error.command_advice)
    if not server.programs:
        return _without_server(environ)
    programs = ", ".join(server.programs)
    if server.is_turned_off:
        return Finding(
            _SERVER,
            Verdict.WARNING,
            f"{programs}; its server's configuration turns the extension {EXTENSION} off:"
            " containers are missing in the launcher",
            f"Take {EXTENSION} out of ServerApp.jpserver_extensions in the config files of Jupyter;"
            " `jupyter server extension list` shows what is on, `jupyter --paths` the folders.",
        )
    if not server.is_loaded:
        return Finding(
            _SERVER,
            Verdict.WARNING,
            f"{programs}; its server does not load the extension {EXTENSION}: containers are"
            " missing in the launcher",
            f"{_python()} -m jupyter server extension enable --sys-prefix {EXTENSION}",
        )
    if not server.is_enabled:
        message = f"{programs}; c.DexecPicker.enabled is False: containers are not in the launcher"
        return Finding(_SERVER, Verdict.OK, message)
    return Finding(_SERVER, Verdict.OK, f"{programs}; the extension {EXTENSION} is on")


def check_picker(environ: Mapping[str, str], containers: Iterable[ContainerSummary]) -> Finding:
    """Say how many containers the picker shows, and what hides others."""
    try:
        server = find_server(environ)
    except ConfigurationError:
        return Finding(_PICKER, Verdict.SKIPPED, "not checked: see the server")
    running = usable(containers)
    shown = container_specs(running, server.filters, {})
    if not server.programs or not server.is_loaded or not server.is_enabled:
        message = f"no server shows containers; it would show {_count(len(shown))}"
        return Finding(_PICKER, Verdict.SKIPPED, message)
    allowed = [spec for spec in shown if not server.allowed or spec.name in server.allowed]
    if len(allowed) < len(shown):
        return Finding(
            _PICKER,
            Verdict.WARNING,
            f"the launcher shows {_count(len(allowed))} of {len(shown)}:"
            " c.KernelSpecManager.allowed_kernelspecs hides the others",
            "Add to it: " + ", ".join(spec.name for spec in shown if spec not in allowed),
        )
    if running and not shown:
        return Finding(
            _PICKER,
            Verdict.WARNING,
            f"the launcher shows none of {_count(len(running))}: the picker's filters hide all",
            "Look at c.DexecPicker.… and at DEXEC_PICKER_….",
        )
    names = _names([spec.display_name for spec in shown])
    return Finding(_PICKER, Verdict.OK, f"the launcher shows {_count(len(shown))}{names}")


def _without_server(environ: Mapping[str, str]) -> Finding:
    """Return the finding where this environment has no server; another one may have one."""
    message = f"no JupyterLab and no Notebook 7 in this environment ({sys.prefix})"
    fix = f"{_python()} -m pip install jupyterlab"
    path = environ.get("PATH", "")
    elsewhere = next((found for name in _COMMANDS if (found := shutil.which(name, path=path))), "")
    if elsewhere and not Path(elsewhere).is_relative_to(sys.prefix):
        message += f"; {elsewhere} belongs to another one, whose server has no dexec-kernel"
        fix += (
            "\nor install dexec-kernel beside that one; or, for single containers:"
            " dexec-kernel install --user --container NAME"
        )
    return Finding(_SERVER, Verdict.WARNING, message, fix)


def _count(number: int) -> str:
    return "no container" if not number else f"{number} container{'s' * (number > 1)}"


def _names(names: list[str]) -> str:
    rest = len(names) - _SHOWN
    listed = [*names[:_SHOWN], *([f"{rest} more"] if rest > 0 else [])]
    return f": {', '.join(listed)}" if listed else ""


def _python() -> str:
    return shlex.quote(sys.executable)
