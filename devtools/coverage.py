"""Print how much of each package the unit tests cover, and hold the modules that are covered whole.

Reads what pytest-cov has measured. A module named in ``[tool.dexec-kernel.coverage] whole`` of
pyproject.toml is covered line by line and branch by branch, or the exit code is 1::

    python -m devtools.coverage
"""

from __future__ import annotations

import json
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverage import Coverage

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Covered:
    """How many lines and branches there are, and how many of them ran."""

    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def __add__(self, other: Covered) -> Covered:
        """Add each number to its like."""
        return Covered(
            self.lines + other.lines,
            self.lines_run + other.lines_run,
            self.branches + other.branches,
            self.branches_run + other.branches_run,
        )

    @property
    def is_whole(self) -> bool:
        """Tell whether every line and every branch ran."""
        return (self.lines, self.branches) == (self.lines_run, self.branches_run)

    def cells(self) -> tuple[str, str, str]:
        """Return a row of the table: lines, and the shares that ran."""
        return (
            str(self.lines),
            _share(self.lines_run, self.lines),
            _share(self.branches_run, self.branches),
        )


def _share(part: int, whole: int) -> str:
    # Rounded down: 100 % is everything.
    return f"{100 * part // whole} %" if whole else "-"


@dataclass(frozen=True)
class Module:
    """One file: its covered lines, and those that are not, such as ``12, 15-17, 20->22``."""

    covered: Covered
    missing: str


def of_file(report: Mapping[str, Any]) -> Module:
    """Return a module from its part of coverage.py's JSON report."""
    summary = report["summary"]
    covered = Covered(
        summary["num_statements"],
        summary["covered_lines"],
        summary["num_branches"],
        summary["covered_branches"],
    )
    lines = set(report["missing_lines"])
    # A branch from a line that never ran is no news.
    branches = [(a, b) for a, b in report["missing_branches"] if a not in lines]
    ends = [f"{a}->{b if b > 0 else 'exit'}" for a, b in branches]
    return Module(covered, ", ".join([*_ranges(sorted(lines)), *ends]))


def _ranges(numbers: Iterable[int]) -> list[str]:
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ["-".join(map(str, ends)) for ends in ranges]


def table(modules: Mapping[str, Module]) -> str:
    """Return a line a package: its lines, and the shares of lines and branches that ran."""
    packages: dict[str, Covered] = {}
    for path, module in modules.items():
        package = Path(path).parent.as_posix()
        packages[package] = packages.get(package, Covered()) + module.covered
    total = sum(packages.values(), Covered())
    rows = [(name, *covered.cells()) for name, covered in sorted(packages.items())]
    rows = [("package", "lines", "run", "branches run"), *rows, ("all", *total.cells())]
    width = max(len(name) for name, *_ in rows)
    return "\n".join(f"{name:<{width}} {a:>7} {b:>7} {c:>14}" for name, a, b, c in rows)


def faults(modules: Mapping[str, Module], whole: Iterable[str]) -> list[str]:
    """Return a line for each module that should be covered whole and is not."""
    found = []
    for path in whole:
        if path not in modules:
            found.append(f"{path}: no such module was imported")
        elif not modules[path].covered.is_whole:
            found.append(f"{path}: not covered: {modules[path].missing}")
    return found


def load(root: Path = ROOT) -> dict[str, Module]:
    """Return the modules that the last run of the unit tests has measured."""
    coverage = Coverage(data_file=str(root / ".coverage"), config_file=str(root / "pyproject.toml"))
    coverage.load()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "coverage.json")
        coverage.json_report(outfile=str(path))
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
    return {Path(name).as_posix(): of_file(report) for name, report in files.items()}


def whole_modules(root: Path = ROOT) -> list[str]:
    """Return the modules that pyproject.toml wants to be covered whole."""
    with (root / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)
    modules: list[str] = settings["tool"]["dexec-kernel"]["coverage"]["whole"]
    return modules


def main() -> None:
    """Print the table, and the modules that fall short."""
    modules = load()
    print(table(modules))
    found = faults(modules, whole_modules())
    for line in found:
        print(line, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
