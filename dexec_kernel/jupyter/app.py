"""The process of a kernel: settings from the command line, the environment and config files."""

from __future__ import annotations

import logging
import os

from ipykernel.kernelapp import IPKernelApp, kernel_aliases
from traitlets import Bool, Dict, DottedObjectName

from dexec_kernel.jupyter.kernel import DexecKernel

#: The log of the package comm.
_COMMS = "Comm"


class DexecKernelApp(IPKernelApp):  # type: ignore[misc] # ipykernel is not typed
    """Starts a :class:`DexecKernel`.

    A setting is taken from the command line (a kernelspec's ``--container``), else from the
    environment (``DEXEC_CONTAINER``), else from ``c.DexecKernel.container`` in a config file.
    """

    name = "dexec-kernel"
    description = "A Jupyter kernel whose cells run as execs inside a container."
    kernel_class = DexecKernel
    classes = [*IPKernelApp.classes, DexecKernel]  # noqa: RUF012 -- traitlets declares it so
    # The kernel prints nothing into a notebook, so that there is nothing to capture. Without the
    # threads that would do it the kernel is lighter, and ends at once: flushing them races with
    # the end of the thread that they write through.
    outstream_class = DottedObjectName(None, allow_none=True)
    # IPython would look for modules in the notebook's folder, for its users' Python. Some of ours
    # are imported late, when a requests.py in that folder would be taken for the library.
    ignore_cwd = Bool(default_value=True)
    aliases = Dict(
        {**kernel_aliases, "container": "DexecKernel.container", "lab": "DexecKernel.lab"}
    )

    def init_kernel(self) -> None:
        """Make the kernel. Called by IPKernelApp, after the config files were read."""
        super().init_kernel()
        self.drop_early()
        given = self.cli_config.get(DexecKernel.__name__, {})
        self.kernel.take_environment(os.environ, but=given)

    def drop_early(self) -> None:
        """Let the log drop what none of its handlers takes, before it is made; and what is no news.

        traitlets leaves that to the handlers; ipykernel has four messages for each request. A front
        end closes the comms that the kernel has closed, and each would be a warning on the terminal
        of a Jupyter server.
        """
        logging.getLogger(_COMMS).setLevel(logging.ERROR)
        if self.log.handlers and not self.log.propagate:
            least = min(handler.level for handler in self.log.handlers)
            self.log.setLevel(max(least, self.log.level))

    def start(self) -> None:
        """Serve until the kernel is shut down; then end the threads that send messages.

        Python's exit handlers would end the thread that publishes before those that publish
        through it: one that still says that it is idle would use a socket that is being closed,
        which ends in a ZMQError, or in an assertion of libzmq's.
        """
        try:
            super().start()
        finally:
            for thread in (self.control_thread, self.shell_channel_thread):
                if thread is not None and thread.is_alive():
                    thread.stop()
                    thread.join()


def main() -> None:
    """Run a kernel until it is shut down."""
    DexecKernelApp.launch_instance()
