"""Run JupyterLab with the demo's containers and the example lab: ``python -m devtools.lab``."""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

from devtools import images, session

#: The example of a lab in the notebooks, and the line with its image.
_EXAMPLE = "lab/linux-basics"
_IMAGE = re.compile(r"^image = .*$", re.MULTILINE)


def main() -> int:
    """Run the lab and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8888, help="default: 8888, or the next free")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    with (
        session.engine() as host,
        session.container(host, images.BUSYBOX, "dexec-demo") as name,
        session.container(host, images.DEBIAN, "dexec-demo-debian"),
        tempfile.TemporaryDirectory(prefix="dexec-lab-") as directory,
    ):
        # A copy, so that playing leaves the checkout as it is.
        notebooks = Path(directory) / "notebooks"
        shutil.copytree(session.ROOT / "notebooks", notebooks)
        environment = {**os.environ, "DOCKER_HOST": host, "DEXEC_CONTAINER": name}
        _install_lab(notebooks / _EXAMPLE, Path(directory) / "prefix", environment)
        return _run(_command(options.port, browser=not options.no_browser), notebooks, environment)


def _install_lab(folder: Path, prefix: Path, environment: dict[str, str]) -> None:
    """Give the launcher the card of the example lab, with an image that needs no registry."""
    toml = folder / "lab.toml"
    toml.write_text(_IMAGE.sub(f'image = "{images.DEBIAN}"', toml.read_text(), count=1))
    share = str(prefix / "share/jupyter")
    environment["JUPYTER_PATH"] = os.pathsep.join(
        filter(None, (share, environment.get("JUPYTER_PATH")))
    )
    command = [sys.executable, "-c", "from dexec_kernel.cli import main; main()"]
    command += ["lab", "install", str(folder), "--prefix", str(prefix)]
    subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL)


def _command(port: int, *, browser: bool) -> list[str]:
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1"]
    command.append(f"--ServerApp.port={port}")
    if not browser:
        command.append("--no-browser")
    if os.getuid() == 0:
        command.append("--allow-root")
    return command


def _run(command: list[str], directory: Path, environment: dict[str, str]) -> int:
    # In a session of its own, or Ctrl-C would reach the kernels as well, and Lab would ask back.
    with subprocess.Popen(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            print("\nending JupyterLab and its kernels")
            return 0
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)  # it ends its kernels first
    except subprocess.TimeoutExpired:
        process.kill()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Take SIGTERM for Ctrl-C."""
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(session.ended(main))
