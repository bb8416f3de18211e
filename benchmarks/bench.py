"""The common part of all measurements: a private engine, containers, kernels, sample sizes."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kernels import DEXEC, Kernel, write_specs
from benchmarks.raw import RawEngine
from devtools import containers, images
from devtools.engine import PrivateEngine

#: The containers: busybox, and a Debian with bash.
BUSYBOX, DEBIAN = "bench", "bench-bash"
#: In seconds: the pause before a sample, so that the kernel has its next exec ready.
READY = 0.5


@dataclass(frozen=True)
class Bench:
    """The place and the amount of the measurements.

    ``samples`` is for measurements of milliseconds; ``quick`` is a smoke run.
    """

    host: str
    folder: Path
    samples: int = 30
    quick: bool = False

    @property
    def few(self) -> int:
        """The number of samples for measurements of about a second."""
        return 1 if self.quick else max(3, self.samples // 3)

    @property
    def fewest(self) -> int:
        """The number of samples for measurements of several seconds, or with little variation."""
        return 1 if self.quick else max(3, self.samples // 6)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a kernel: none of the user's settings, and private files."""
        ours = ("DEXEC_", "DOCKER_", "JUPYTER_", "IPYTHON", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | {
            "DOCKER_HOST": self.host,
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "IPYTHONDIR": str(self.folder / "ipython"),
            # pip compiles installed modules; a checkout is compiled here, in place.
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
        }

    def kernel(self, name: str = DEXEC, *, container: str = BUSYBOX, **settings: str) -> Kernel:
        """Start a kernel; a context manager. ``settings`` are those of ours: ``standby="0"``."""
        given = {f"DEXEC_{key.upper()}": value for key, value in settings.items()}
        env = self.environment | {"DEXEC_CONTAINER": container} | given
        return Kernel(name, env, self.folder / "kernels")

    @contextmanager
    def raw(self, container: str = BUSYBOX) -> Iterator[RawEngine]:
        """Yield the way to run commands with nothing around them."""
        engine = RawEngine(self.host, container)
        try:
            yield engine
        finally:
            engine.close()


@contextmanager
def prepared(*, samples: int, quick: bool) -> Iterator[Bench]:
    """Start an engine of our own with two containers."""
    with tempfile.TemporaryDirectory(prefix="dexec-bench-") as name, PrivateEngine() as engine:
        folder = Path(name)
        (folder / "kernels").mkdir()
        write_specs(folder / "kernels")
        for image, container in ((images.BUSYBOX, BUSYBOX), (images.DEBIAN, DEBIAN)):
            images.ensure_image(engine.host, image)
            containers.run_container(engine.host, image, container)
        yield Bench(engine.host, folder, samples=samples, quick=quick)


def has_bash_kernel() -> bool:
    """Tell whether the peer bash_kernel is installed."""
    return importlib.util.find_spec("bash_kernel") is not None
