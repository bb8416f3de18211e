"""The process of a kernel: settings from the command line, the environment and config files."""

from __future__ import annotations

import os
from typing import Any

from ipykernel.kernelapp import IPKernelApp, kernel_aliases
from traitlets import Dict
from traitlets.config import Config

from dexec_kernel.kernel import DexecKernel

_ENVIRONMENT_PREFIX = "DEXEC_"


class DexecKernelApp(IPKernelApp):  # type: ignore[misc] # ipykernel is not typed
    """Starts a :class:`DexecKernel`.

    A setting is taken from the command line (a kernelspec's ``--container``), else from the
    environment (``DEXEC_CONTAINER``), else from ``c.DexecKernel.container`` in a config file.
    """

    name = "dexec-kernel"
    description = "A Jupyter kernel whose cells run as execs inside a container."
    kernel_class = DexecKernel
    classes = [*IPKernelApp.classes, DexecKernel]  # noqa: RUF012 -- traitlets declares it so
    aliases = Dict({**kernel_aliases, "container": "DexecKernel.container"})

    def init_kernel(self) -> None:
        """Make the kernel. Called by IPKernelApp, after the config files were read."""
        self.update_config(settings_from(os.environ))
        self.update_config(self.cli_config)
        super().init_kernel()


def settings_from(environ: Any) -> Config:
    """Return what ``DEXEC_NAME`` variables set, for every setting of the kernel."""
    config = Config()
    for name in DexecKernel.class_own_traits(config=True):
        value = environ.get(_ENVIRONMENT_PREFIX + name.upper())
        if value is not None:
            trait = DexecKernel.class_traits()[name]
            config.DexecKernel[name] = trait.from_string(value)
    return config


def main() -> None:
    """Run a kernel until it is shut down."""
    DexecKernelApp.launch_instance()
