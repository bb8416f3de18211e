"""The command ``dexec-kernel``: install, list, doctor."""

from dexec_kernel.cli.command import main

__all__ = ["main"]
