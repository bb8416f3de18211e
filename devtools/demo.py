"""Run the quickstart notebook in a container and print the results of its cells.

Without arguments: ``python -m devtools.demo``. An engine that runs already is used, otherwise a
private one is started; the container and the private engine are removed at the end.
"""

import argparse
import io
import os
import signal
import sys
import textwrap
from pathlib import Path
from types import FrameType
from typing import Any

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from devtools import images, session

EXEC_MIME = "application/vnd.dexec.exec+json"


def main() -> int:
    """Run the demo and return its exit code: 1 when a cell fails that should not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = session.ROOT / "notebooks/quickstart.ipynb"
    parser.add_argument("notebook", nargs="?", type=Path, default=default)
    parser.add_argument("--kernel", default="dexec", help="the kernel's name (default: dexec)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # in order with stderr, also in a log
    with (
        session.engine() as host,
        session.container(host, images.BUSYBOX, "dexec-demo") as name,
    ):
        return run(options.notebook, host, name, kernel=options.kernel)


def run(notebook: Path, host: str, container: str, *, kernel: str) -> int:
    """Execute a notebook, print each code cell and its result, and return the exit code."""
    content = _read(notebook)
    client = NotebookClient(
        content,
        kernel_name=kernel,
        timeout=120,
        resources={"metadata": {"path": str(notebook.parent)}},
        on_cell_executed=_report,
        coalesce_streams=True,
        # ipykernel warns of every kernel that talks over loopback.
        extra_arguments=["--log-level=ERROR"],
    )
    environment = {**os.environ, "DOCKER_HOST": host, "DEXEC_CONTAINER": container}
    try:
        # Not `execute`, which takes the signals for itself and stumbles when one comes.
        with client.setup_kernel(env=environment):
            for index, cell in enumerate(content.cells):
                client.execute_cell(cell, index)
    except CellExecutionError as error:
        print(f"\nthe demo failed: {error.ename}: {error.evalue}")
        return 1
    except NoSuchKernel:
        print(f"there is no kernel {kernel!r}: `jupyter kernelspec list` shows all")
        return 1
    except (CellTimeoutError, DeadKernelError) as error:
        print(f"\nthe demo failed: {type(error).__name__}: {error}")
        return 1
    print(f"\n{client.code_cells_executed} cells ran as they should")
    return 0


def _read(notebook: Path) -> Any:
    """Read a notebook. Raises session.NotReadyError where there is none."""
    try:
        return nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise session.NotReadyError(f"{notebook} is not a notebook: {error}") from error


def _report(*, cell: Any, cell_index: int, execute_reply: Any) -> None:
    """Print a code cell that was executed (a hook of nbclient's)."""
    del cell_index, execute_reply
    print(f"\nIn [{cell.execution_count}]:")
    print(textwrap.indent(cell.source, "    "))
    bars = []
    for output in cell.outputs:
        if output.output_type == "stream":
            mark = "! " if output.name == "stderr" else "| "
            print(textwrap.indent(output.text.rstrip("\n"), mark, lambda _: True))
        elif output.output_type == "error":
            bars.append(f"{output.ename}: {output.evalue}")
        elif EXEC_MIME in output.get("data", {}):
            bars.append(_summary(output.data[EXEC_MIME]))
        else:
            print(textwrap.indent(output.data.get("text/plain", ""), "| ", lambda _: True))
    for bar in bars:
        print(f"=> {bar}")


def _summary(details: dict[str, Any]) -> str:
    known = {
        "exit code": details.get("exit_code"),
        "PID": details.get("pid"),
        "state": details.get("state"),
        "container": details.get("container"),
    }
    parts = [f"{title} {value}" for title, value in known.items() if value is not None]
    if (duration := details.get("duration_s")) is not None:
        parts.append(f"{duration * 1000:.0f} ms")
    return ", ".join(parts)


def _leave(number: int, frame: FrameType | None) -> None:
    """End by an exception, so that everything made is removed."""
    del frame
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(session.ended(main))
