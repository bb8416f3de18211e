"""Run the unit tests and the quickstart notebook with each Python, and with the lowest versions.

A run has an environment of its own, ``.venv-NAME``, which later runs use again::

    python -m devtools.matrix            # every Python found, and the lowest versions
    python -m devtools.matrix 3.12 lowest
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools import stages

ROOT = Path(__file__).parent.parent
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
LOWEST = "lowest"
"""The name of the run with the lowest version of each dependency that pyproject.toml allows."""
EXTRAS = ("test", "lab")


@dataclass(frozen=True)
class Run:
    """A row of the matrix: a Python, and whether it gets the lowest versions."""

    name: str
    python: str

    @property
    def environment(self) -> Path:
        """The virtual environment; it need not exist yet."""
        return ROOT / f".venv-{self.name}"

    @property
    def own_python(self) -> str:
        """The Python of the environment."""
        return str(self.environment / "bin/python")


def candidates(version: str) -> Iterator[str]:
    """Yield commands that may be this Python: on PATH, of pyenv, of uv; none is downloaded."""
    yield f"python{version}"
    for directory in sorted(Path.home().glob(f".pyenv/versions/{version}.*"), reverse=True):
        yield str(directory / "bin/python")
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--offline", "--no-python-downloads", version]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            yield done.stdout.strip()


def is_python(command: str, version: str) -> bool:
    """Tell whether a command is this Python; pyenv's may refuse to run."""
    script = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([command, "-c", script], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == version


def find_runs(
    find: Callable[[str], Iterator[str]] = candidates,
    works: Callable[[str, str], bool] = is_python,
) -> tuple[list[Run], list[str]]:
    """Return the runs that this machine can make, and the versions of Python that it lacks.

    The lowest versions go with the lowest Python, which they were made for.
    """
    runs: list[Run] = []
    missing: list[str] = []
    for version in VERSIONS:
        python = next((command for command in find(version) if works(command, version)), None)
        if python is None:
            missing.append(version)
        else:
            runs.append(Run(version, python))
    if runs:
        runs.append(Run(LOWEST, runs[0].python))
    return runs, missing


def install(run: Run) -> None:
    """Make the environment of a run; raises CalledProcessError where an installation fails."""
    if not Path(run.own_python).exists():
        subprocess.run([run.python, "-m", "venv", str(run.environment)], check=True)
    packages = ["-e", f"{ROOT}[{','.join(EXTRAS)}]"]
    if run.name == LOWEST:
        pins = run.environment / "lowest.txt"
        pins.write_text(lowest_versions(run.own_python), encoding="utf-8")
        packages += ["-r", str(pins)]
    subprocess.run([run.own_python, "-m", "pip", "install", "--quiet", *packages], check=True)


def lowest_versions(python: str) -> str:
    """Return pins, as pip reads them: each dependency of ours at its lowest version.

    The dependencies of those are the highest that go with them, as their own bounds are not ours.
    """
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--python", python]
    command += ["--resolution", "lowest-direct", *extras, "--no-header", "pyproject.toml"]
    # Certificates that the machine trusts, as pip has them.
    variables = {**os.environ, "UV_NATIVE_TLS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def check(run: Run) -> stages.Result:
    """Install a run's environment, run the unit tests and the notebook, and count."""
    print(f"\n== {run.name}: {run.python}", flush=True)
    started = time.monotonic()
    try:
        install(run)
    except subprocess.CalledProcessError as error:
        print(f"could not install: {error}", file=sys.stderr)
        return stages.Result(run.name, stages.Counts(failed=1), time.monotonic() - started)
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "unit.xml")
        tests = ["-m", "pytest", "-q", "-n", "2", f"--junit-xml={report}", "tests/unit"]
        status = subprocess.run([run.own_python, *tests], cwd=ROOT, check=False).returncode
        counts = stages.counts_of("unit", status, report)
    notebook = [run.own_python, "-m", "devtools.demo"]
    status = subprocess.run(notebook, cwd=ROOT, check=False).returncode
    counts += stages.Counts(failed=1) if status else stages.Counts(passed=1)
    return stages.Result(run.name, counts, time.monotonic() - started)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix, or the named rows of it, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="such as 3.12 or lowest (default: all)")
    names = parser.parse_args(arguments).names
    runs, missing = find_runs()
    if unknown := set(names) - {run.name for run in runs}:
        print(f"this machine has no {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    results = [check(run) for run in runs if not names or run.name in names]
    total = sum((result.counts for result in results), stages.Counts())
    print()
    for result in results:
        print(result)
    if missing:
        print(f"not on this machine: Python {', '.join(missing)}")
    print(f"\n{total}", flush=True)
    return 1 if total.failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
