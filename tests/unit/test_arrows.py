"""The arrows of the design: which package may import which."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import dexec_kernel
from devtools.session import ROOT

PACKAGE = Path(dexec_kernel.__file__).parent

_GROUND = {"errors", "units", "folders", "served_logs", "tables"}
_CELL = {"cells", "shell", "backend", *_GROUND}
#: The imports of ours that a file of each place may have. The longest name that fits counts; a name
#: stands for all that is below it. A file may always import its neighbours in the same folder.
ARROWS: dict[str, set[str]] = {
    "__init__": set(),
    "__main__": {"jupyter.app"},
    "errors": set(),
    "units": set(),
    "folders": {"errors"},
    "tables": set(),
    "served_logs": set(),
    "backend": {"errors"},
    "policy": {"backend", "errors", "tables"},
    "local": {"backend", "errors"},
    "engine": {"engine", "backend", "errors"},
    "engine.http": {"errors"},
    "engine.ssh": {"errors"},
    "kube": {"backend", "engine.http", "engine.reports", "shell.commands", "shell.marks", "errors"},
    "shell": {"shell", "backend", "errors"},
    "shell.language": {"errors"},
    "files": {"backend", "errors", "units"},
    "cells": _CELL,
    "cells.source": {"shell.language", "errors"},
    "cells.output": {"folders", "served_logs", "errors", "units", "cells.states"},
    "cells.input": {"shell", "backend", "cells.source.options", "errors"},
    "cells.signals": {"shell", "backend", "errors", "units"},
    "cells.standby": {
        *("shell", "backend", "cells.command", "cells.workspace", "cells.source.options", "errors"),
        *("cells.driver", "cells.signals"),
    },
    "display": {*_CELL, "files", "lab"},
    "magics": {*_CELL, "display", "files", "policy", "lab"},
    "picker": {
        *("engine", "kube", "lab", "policy", "backend", "errors", "folders", "served_logs"),
        "display.stored",
    },
    "swarm": {"engine", "backend", "errors"},
    "jupyter": {
        *(*_CELL, "policy", "magics", "display", "files", "engine", "kube", "swarm"),
        *("jupyter", "lab"),
        "__init__",
    },
    "grading": {"lab", "cells.source", "errors", "units"},
    "lab.checks": {"lab", "files", "backend", "errors", "units"},
    "lab": {"shell.language", "backend", "policy", "errors", "folders", "tables", "units"},
    "cli": {
        *(
            "grading",
            "lab",
            "picker",
            "engine",
            "swarm",
            "kube",
            "policy",
            "cells",
            "shell",
            "backend",
            "errors",
            "units",
        ),
        *("jupyter.settings", "__init__"),
    },
}
#: The places that may import Jupyter: they talk to a front end, or write files for Jupyter.
MAY_IMPORT_JUPYTER = {
    "jupyter",
    *("display.parts", "display.live", "display.chooser", "display.panel", "display.widget"),
    "display.lab_panel",
    "grading.kernel",
    "picker",
}
JUPYTER = {
    *("IPython", "comm", "ipykernel", "ipywidgets", "jupyter_client", "jupyter_core"),
    *("jupyter_server", "traitlets", "zmq"),
}


def module_name(path: Path) -> str:
    """Return a file's name within the package; a package's ``__init__`` has the package's."""
    relative = path.relative_to(PACKAGE).with_suffix("")
    parts = relative.parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def folder_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).parts[:-1])


def is_below(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def place_of(name: str) -> str:
    """Return the longest name of ``ARROWS`` that ``name`` is below."""
    return max((place for place in ARROWS if is_below(name, place)), key=len, default="")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they point"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ours(imported: str) -> str | None:
    """Return the module or package of ours that an import names; None for other people's."""
    words = imported.split(".")
    if words[0] != "dexec_kernel":
        return None
    while len(words) > 1:
        path = PACKAGE.joinpath(*words[1:])
        if path.is_dir() or path.with_suffix(".py").is_file():
            return ".".join(words[1:])
        words.pop()
    return "__init__"


def files() -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    assert len(found) > 100
    return found


def may_import(path: Path, module: str) -> bool:
    allowed = ARROWS[place_of(module_name(path))]
    is_neighbour = module.rpartition(".")[0] == folder_of(path) or module == folder_of(path)
    return (is_neighbour and folder_of(path) != "") or any(is_below(module, a) for a in allowed)


# No parameters: each of the workers would collect a thousand tests.


def test_every_module_has_a_place_and_a_docstring():
    lacking = [
        name
        for path in files()
        if not place_of(name := module_name(path)) or not ast.get_docstring(parsed(path))
    ]
    assert lacking == []


def test_arrows_run_one_way():
    wrong = [
        f"{module_name(path)} -> {module}"
        for path in files()
        for module in sorted({ours(name) for name in imports_of(path)} - {None})
        if not may_import(path, module)
    ]
    assert wrong == []


def test_jupyter_stays_where_it_belongs():
    wrong = [
        f"{name} -> {package}"
        for path in files()
        if not any(is_below(name := module_name(path), place) for place in MAY_IMPORT_JUPYTER)
        for package in sorted({module.partition(".")[0] for module in imports_of(path)} & JUPYTER)
    ]
    assert wrong == []


def rows_of_the_documentation() -> dict[str, list[str]]:
    """The table of packages in docs/explain/architecture.md: what each may import, in its order."""
    text = (ROOT / "docs/explain/architecture.md").read_text(encoding="utf-8")
    block = text.partition("## The map of packages")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| .* \| ?(.*) ?\|$", block, re.MULTILINE)
    return {package: re.findall(r"`([\w.]+)`", imports) for package, imports in rows}


def test_the_documentation_has_each_package_with_its_arrows():
    rows = rows_of_the_documentation()
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - _GROUND
    assert packages <= rows.keys()
    for package, imports in rows.items():
        allowed = ARROWS[package] - _GROUND - {"__init__", package}
        assert imports == sorted(allowed), package


def test_the_documentation_has_each_package_below_those_that_it_imports():
    above: list[str] = []
    for package, imports in rows_of_the_documentation().items():
        assert all(any(is_below(name, place) for place in above) for name in imports), package
        above.append(package)
