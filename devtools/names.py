"""Finds names on a page that the code does not have: settings, errors, options, magics, files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dexec_kernel import errors
from dexec_kernel.backend import protocol
from dexec_kernel.cells.source.exec_magic import CELL_MAGICS, EXEC, _parser
from dexec_kernel.cells.source.programs import interpreter_of
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.kube import scope
from dexec_kernel.kube.kubeconfig import CONTEXT_VARIABLE
from dexec_kernel.lab.checks.facts import Facts
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.picker import filters
from dexec_kernel.picker.extension import DexecPicker

#: Names of replies without a class: the kernel derives them from a cell's outcome.
_REPLIES = {"CommandFailed", "KeyboardInterrupt", "CellTimeout"}

_variable = re.compile(r"\bDEXEC_[A-Z_]+\b")
_trait = re.compile(r"\bc\.(Dexec\w+)\.(\w+)")
_error = re.compile(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`")
_magic = re.compile(r"(?m)(?:^|`)(%{1,2}[a-zA-Z][\w.-]*)")
_exec_line = re.compile(r"(?m)(?:^|`)%%exec((?: [^`\n]*)?)")
_link = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
_option = re.compile(r"(?<!\S)(-[a-z]|--[a-z-]+)\b")
#: Other words in CamelCase.
_OTHERS = {
    *("DexecKernel", "DexecPicker", "KernelSpecManager", "EngineClient", "ExecConfig"),
    *("HijackedConnection", "LocalBackend", "StdinOnce", "JupyterLab"),
    *vars(protocol),
}


def unknown_names(path: Path) -> Iterator[str]:
    """Yield a line for each name in a page that the code does not have."""
    text = path.read_text(encoding="utf-8")
    for word in sorted(set(_variable.findall(text)) - _variables()):
        yield f"unknown variable {word}"
    for owner, name in sorted(set(_trait.findall(text)) - _traits()):
        yield f"unknown setting c.{owner}.{name}"
    for word in sorted(set(_error.findall(text)) - set(errors.__all__) - _REPLIES - _OTHERS):
        yield f"unknown error {word}"
    for word in sorted(set(_magic.findall(text))):
        if not _is_magic(word):
            yield f"unknown magic {word}"
    for line in _exec_line.findall(text):
        own = re.split(r"(?<!\S)--(?!\S)", line)[0]
        for word in _option.findall(own):
            if word not in _options():
                yield f"%%exec has no option {word}"


def dead_links(path: Path) -> Iterator[str]:
    """Yield a line for each relative link in a page whose file does not exist."""
    for target in _link.findall(path.read_text(encoding="utf-8")):
        if not (path.parent / target).exists():
            yield f"dead link: {target}"


def _variables() -> set[str]:
    names = {f"DEXEC_{name.upper()}" for name in Settings.class_own_traits(config=True)}
    names |= {filters.LABELS, filters.INCLUDE, filters.EXCLUDE, filters.ONLY_LABELLED}
    names |= {scope.VARIABLE, CONTEXT_VARIABLE}
    return names | Facts().environment("").keys()


def _traits() -> set[tuple[str, str]]:
    own = {("DexecKernel", name) for name in Settings.class_own_traits(config=True)}
    return own | {("DexecPicker", name) for name in DexecPicker.class_own_traits(config=True)}


def _is_magic(word: str) -> bool:
    if word in {magic.sign for magic in REGISTRY}:
        return True
    name = word.removeprefix("%%")
    return name != word and (name in CELL_MAGICS or interpreter_of(name) is not None)


def _options() -> set[str]:
    actions = _parser(EXEC)._actions  # noqa: SLF001 -- argparse has no public list
    # --help is read before the options are.
    return {"--help", *(option for action in actions for option in action.option_strings)}
