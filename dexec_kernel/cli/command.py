"""The command line: options in, exit code out.

Only the chosen subcommand and its dependencies are imported, so that ``--version`` and ``--help``
answer at once.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn, TextIO

from dexec_kernel import __version__
from dexec_kernel.cli.lab_options import add_lab_prepare, add_lab_runs
from dexec_kernel.cli.parser import CommandParser
from dexec_kernel.cli.terminal import complain
from dexec_kernel.errors import DexecError

OK, FAILED, INTERRUPTED = 0, 1, 130

_DESCRIPTION = """\
Jupyter cells as execs in a container that is already running.

As soon as this package is installed, JupyterLab's launcher shows running containers, and the kernel
"Container (dexec)", which is not bound to a container. These commands list containers, write their
kernels to disk, and find faults."""

_EXAMPLES = """\
examples:
  dexec-kernel list                        list the containers
  dexec-kernel install --container web     a kernel of its own for the container web
  dexec-kernel sync                        one for each container that runs
  dexec-kernel doctor --container web      does everything work, from here into the container?

The engine is found as the docker command finds it: DOCKER_HOST, DOCKER_CONTEXT, the current
docker context, then the sockets of Docker and Podman."""

_INSTALL = """\
Write a kernelspec bound to a container, so that JupyterLab's launcher shows a kernel for it.

Where it is written: without an option, the place where Jupyter looks first. In a virtual or conda
environment that is the environment itself (as --sys-prefix), and the Jupyter of that environment
sees it; otherwise it is your own folder (as --user), and every Jupyter of yours sees it. For all
users of the machine: --prefix /usr/local.

When the engine was named (DOCKER_HOST, DOCKER_CONTEXT, or a docker context in use), its address
is kept in the kernelspec, so that the kernel finds its container from anywhere."""

_INSTALL_EXAMPLES = """\
examples:
  dexec-kernel install --container web
  dexec-kernel install --container compose:shop/db --display-name "Shop database"
  jupyter kernelspec remove dexec-web      take it away again"""

_SYNC = """\
Write a kernelspec for each running container, and remove kernelspecs that an earlier sync has
written for containers that no longer run. Other kernelspecs are never touched.

JupyterLab shows running containers without this. It is for programs that use no Jupyter server,
such as nbconvert and papermill. The names and the folders are the same as for install."""

_SYNC_EXAMPLES = """\
examples:
  dexec-kernel sync
  dexec-kernel sync --label com.example.team=data --exclude '*-test'
  dexec-kernel sync --dry-run              only show the changes

Without filter options, DEXEC_PICKER_LABELS, DEXEC_PICKER_INCLUDE, DEXEC_PICKER_EXCLUDE (separated
by commas) and DEXEC_PICKER_ONLY_LABELLED choose the containers, as in JupyterLab."""

_LAB = """\
A lab is an exercise in files: a container, tasks, and for each task a check, a solution and hints.
Each notebook of it has containers of its own, which end with its kernel."""

_LINT = """\
Look at every file of a lab without running any of it. Each problem names the file, the key and what
would be right. The exit code is 0 if there is none, else 1."""

_LAB_INSTALL = """\
Write the kernelspec of a lab: a card in JupyterLab's launcher with the lab's title. Its kernel
makes the lab's containers with the first cell, and removes them when it ends. The folder of
the lab stays where it is, and is read with the first cell of each kernel."""

_DOCTOR = """\
Check everything that a cell needs, from the installation to a cell that really runs. Each line is a
finding; the remedy for a fault is below it. The exit code is 0 if nothing is broken; warnings do
not change it."""


def main() -> NoReturn:
    """Run the command of this process and end it."""
    # No ✓ in ASCII, and none where the stream was closed.
    sys.stdout, sys.stderr = _writable(sys.stdout), _writable(sys.stderr)
    status = run(sys.argv[1:])
    if threading.active_count() > 1:
        # Python would wait for a thread in which the engine still owes us an answer.
        os._exit(status)
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Everything is printed when it returns."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        status = _dispatch(options, parser)
        sys.stdout.flush()
    except DexecError as error:
        complain(f"dexec-kernel: {error.message}")
        if error.command_advice:
            complain(error.command_advice)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()  # The reader has closed the pipe (`| head`).
        return FAILED
    except OSError as error:
        # A full disk, a folder that is gone: whatever it is, it is the machine's.
        _discard_output()
        is_folder_gone = isinstance(error, FileNotFoundError) and error.filename is None
        complain(f"dexec-kernel: {'the current folder is gone' if is_folder_gone else error}")
        return FAILED
    return status


def _writable(stream: TextIO | None) -> TextIO:
    """Return a standard stream that takes any text, and nowhere to write if it was closed."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 -- until the end
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _discard_output() -> None:
    """Discard what stdout still holds: Python would write it at its end, and fail again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(options: argparse.Namespace, parser: CommandParser) -> int:
    match options.command:
        case "install":
            # Each command imports what it needs: see the docstring.
            from dexec_kernel.cli.install import install_kernelspec  # noqa: PLC0415

            return install_kernelspec(options)
        case "list":
            from dexec_kernel.cli.listing import show_containers  # noqa: PLC0415

            return show_containers(options)
        case "sync":
            from dexec_kernel.cli.sync import synchronise  # noqa: PLC0415

            return synchronise(options)
        case "doctor":
            from dexec_kernel.cli.doctor import examine  # noqa: PLC0415

            return examine(options)
        case "lab":
            return _dispatch_lab(options)
        case _:
            parser.print_help()
            return OK


def _dispatch_lab(options: argparse.Namespace) -> int:
    from dexec_kernel.cli import lab  # noqa: PLC0415 -- as above

    match options.lab_command:
        case "new":
            return lab.write_lab(options)
        case "lint":
            return lab.lint_lab(options)
        case "install":
            from dexec_kernel.cli.lab_install import install_lab  # noqa: PLC0415

            return install_lab(options)
        case "prepare":
            from dexec_kernel.cli.lab_images import prepare_lab  # noqa: PLC0415

            return prepare_lab(options)
        case "test":
            from dexec_kernel.cli.lab_test import prove_lab  # noqa: PLC0415

            return prove_lab(options)
        case "grade":
            from dexec_kernel.cli.lab_grade import grade_notebooks  # noqa: PLC0415

            return grade_notebooks(options)
        case _:
            options.lab_parser.print_help()
            return OK


def _parser() -> CommandParser:
    parser = CommandParser(prog="dexec-kernel", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"dexec-kernel {__version__}")
    commands = parser.add_commands()
    _add_install(commands)
    listing = commands.add_parser(
        "list",
        description="List the containers that cells can run in.",
        help="list the containers that cells can run in",
    )
    listing.add_argument(
        "-a", "--all", action="store_true", help="stopped and paused containers as well"
    )
    _add_json(listing)
    _add_sync(commands)
    doctor = commands.add_parser(
        "doctor", description=_DOCTOR, help="check everything that a cell needs"
    )
    doctor.add_argument(
        "--container",
        metavar="NAME",
        help="the container to try; default: DEXEC_CONTAINER, else the only running one",
    )
    _add_json(doctor)
    _add_lab(commands)
    return parser


def _add_lab(commands: argparse._SubParsersAction[CommandParser]) -> None:
    parser = commands.add_parser(
        "lab", description=_LAB, help="write labs, prove them, grade notebooks"
    )
    parser.set_defaults(lab_parser=parser)
    subjects = parser.add_commands("lab_command")
    new = subjects.add_parser(
        "new",
        description="Write an example of a lab, to start from, into a new or empty folder.",
        help="write an example to start from",
    )
    lint = subjects.add_parser("lint", description=_LINT, help="look for mistakes")
    install = subjects.add_parser(
        "install", description=_LAB_INSTALL, help="put the lab into JupyterLab's launcher"
    )
    for command in (new, lint, install):
        command.add_argument("folder", metavar="DIR", help="the folder of the lab")
    _add_json(lint)
    _add_where(install)
    install.add_argument(
        "--replace", action="store_true", help="write over another kernel of the same name"
    )
    add_lab_prepare(subjects)
    add_lab_runs(subjects)


def _add_install(commands: argparse._SubParsersAction[CommandParser]) -> None:
    parser = commands.add_parser(
        "install",
        description=_INSTALL,
        epilog=_INSTALL_EXAMPLES,
        help="put a container into JupyterLab's launcher",
    )
    parser.add_argument(
        "--container",
        required=True,
        metavar="NAME",
        help="the container: a name, an id, compose:PROJECT/SERVICE, swarm:SERVICE.SLOT,"
        " or kube:NAMESPACE/POD",
    )
    parser.add_argument(
        "--name", default="", help="of the kernelspec; without it dexec- and the container's name"
    )
    parser.add_argument(
        "--display-name", default="", metavar="TEXT", help="what the launcher shows"
    )
    _add_where(parser)
    parser.add_argument(
        "--replace", action="store_true", help="write over another kernel of the same name"
    )
    parser.add_argument(
        "--no-check",
        dest="check",
        action="store_false",
        help="do not ask the engine for the container",
    )
    _add_json(parser)


def _add_sync(commands: argparse._SubParsersAction[CommandParser]) -> None:
    parser = commands.add_parser(
        "sync",
        description=_SYNC,
        epilog=_SYNC_EXAMPLES,
        help="write a kernelspec for each container that runs",
    )
    _add_where(parser)
    parser.add_argument(
        "--label",
        type=_label,
        action="append",
        default=[],
        metavar="KEY[=VALUE]",
        help="only containers with this label; all that are given",
    )
    parser.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only containers whose name fits one of these: 'web*', 'shop/*' for Compose",
    )
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="no containers whose name fits one of these",
    )
    parser.add_argument(
        "--only-labelled",
        action="store_true",
        help="only containers with the label dexec.kernel=true",
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing")
    _add_json(parser)


def _label(text: str) -> str:
    """Read a condition on a label. Raises ArgumentTypeError where it names none."""
    if not text.partition("=")[0].strip():
        raise argparse.ArgumentTypeError(f"{text!r} names no label: KEY or KEY=VALUE is meant")
    return text


def _add_where(parser: CommandParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="write it for yourself, in your folder")
    where.add_argument(
        "--sys-prefix",
        action="store_const",
        const=sys.prefix,
        default="",
        dest="prefix",
        help="write it into this Python's environment",
    )
    where.add_argument("--prefix", metavar="DIR", help="write it below DIR/share/jupyter/kernels")


def _add_json(parser: CommandParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
