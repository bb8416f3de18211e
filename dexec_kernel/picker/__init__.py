"""Containers as kernelspecs, for Jupyter's kernel picker.

Also the Jupyter server extension ``dexec_kernel.picker``, which keeps them up to date.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Return the extension to load. Called by jupyter_server, the only package it needs."""
    from dexec_kernel.picker.extension import DexecPicker  # noqa: PLC0415 -- see the docstring

    return [{"module": "dexec_kernel.picker.extension", "app": DexecPicker}]
