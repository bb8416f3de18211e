"""The command ``dexec-kernel``: install, sync, list, doctor."""

from dexec_kernel.cli.command import main

__all__ = ["main"]
