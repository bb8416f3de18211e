"""The arrows of the design: who may import whom. A new import against them fails here."""

from __future__ import annotations

import ast
from pathlib import Path

import dexec_kernel

PACKAGE = Path(dexec_kernel.__file__).parent

#: What each part may import of ours, besides itself.
ARROWS = {
    "engine": set(),
    "cells": {"engine"},
    "display": {"cells", "engine"},
    "picker": {"engine"},
    "magics": {"cells", "display", "engine"},
    "history": set(),
    "input": {"cells"},
    "language": {"magics", "cells", "engine"},
    "settings": {"cells", "display", "engine"},
    "messages": {"cells", "display"},
    "background": {"cells", "display", "engine"},
    "widgets": set(),
    "preparation": {"cells", "engine"},
    "cell_runner": {
        *("settings", "messages", "background", "input"),
        *("cells", "display", "engine"),
    },
    "container_watch": {"settings", "display", "engine"},
    "chooser": {"container_watch", "settings", "messages", "cells", "display", "engine"},
    "status": {
        *("container_watch", "cell_runner", "settings", "messages"),
        *("cells", "display", "engine"),
    },
    "service": {
        *("settings", "messages", "cell_runner", "history", "input", "language"),
        *("container_watch", "chooser", "status", "preparation"),
        "magics",
        *("cells", "display", "engine"),
    },
    "kernel": {"service", "settings", "widgets", "__init__"},
    "app": {"kernel", "settings"},
    "cli": {"picker", "engine", "cells", "__init__"},
    "__main__": {"app"},
    "__init__": set(),
}
#: Who may import Jupyter: what talks to a front end, or writes what Jupyter reads.
MAY_IMPORT_JUPYTER = {
    *("kernel", "service", "cell_runner", "settings", "messages", "widgets"),
    *("history", "input", "app"),
    *("display", "picker"),
}
JUPYTER = {
    "IPython",
    "comm",
    "ipykernel",
    "ipywidgets",
    "jupyter_client",
    "jupyter_core",
    "jupyter_server",
    "traitlets",
    "zmq",
}


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they point"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def our_part(module: str) -> str:
    words = module.split(".")
    known = len(words) > 1 and (words[1] in ARROWS)
    return words[1] if known else "__init__"


def files() -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    assert len(found) > 20
    return found


def test_every_part_is_known():
    assert {part_of(path) for path in files()} <= set(ARROWS)


def test_arrows_run_one_way():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {module}"
        for path in files()
        for module in imports_of(path)
        if module.split(".")[0] == "dexec_kernel"
        and our_part(module) not in {*ARROWS[part_of(path)], part_of(path)}
    ]
    assert wrong == []


def test_jupyter_stays_where_it_belongs():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {module}"
        for path in files()
        for module in imports_of(path)
        if module.split(".")[0] in JUPYTER and part_of(path) not in MAY_IMPORT_JUPYTER
    ]
    assert wrong == []
