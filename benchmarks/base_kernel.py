"""A bare kernel: ipykernel's base class with an empty cell. The lower bound for every kernel."""

from __future__ import annotations

from typing import Any

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel


class BaseKernel(Kernel):  # type: ignore[misc] # ipykernel is not typed
    """Runs nothing."""

    implementation = "base"
    implementation_version = "0"
    banner = "base"
    language_info = {  # noqa: RUF012 -- ipykernel declares it so
        "name": "none",
        "mimetype": "text/plain",
        "file_extension": ".txt",
    }

    async def do_execute(self, *_values: Any, **_named: Any) -> dict[str, Any]:
        """Reply at once."""
        return {
            "status": "ok",
            "execution_count": self.execution_count,
            "payload": [],
            "user_expressions": {},
        }


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=BaseKernel)
