"""Writes the generated parts of the reference pages: ``python -m devtools.reference``.

They are between ``<!-- generated: NAME -->`` and ``<!-- end: NAME -->``. With ``--check`` nothing
is written, and the exit code is 1 if a page is out of date or uses a name that the code lacks.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from traitlets import HasTraits

from devtools.names import dead_links, unknown_names
from dexec_kernel import errors
from dexec_kernel.backend.features import FEATURES, BackendKind, Feature, Support
from dexec_kernel.cells.outcome import Snapshot, State
from dexec_kernel.cells.source.exec_magic import CELL_MAGICS, EXEC, _parser
from dexec_kernel.cells.source.programs import interpreter_of
from dexec_kernel.cli.command import _parser as command_parser
from dexec_kernel.display.record import record_of
from dexec_kernel.jupyter.settings import Settings
from dexec_kernel.magics.catalogue import REGISTRY
from dexec_kernel.picker.extension import DexecPicker

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

_DOCS = ROOT / "docs"


def settings() -> str:
    """Return the table of the kernel's settings."""
    rows = [
        (
            f"`{name}`<br>`DEXEC_{name.upper()}`",
            _default(trait.default_value),
            _cell(trait.help),
        )
        for name, trait in _own_traits(Settings)
    ]
    return _table(("trait, variable", "default", "meaning"), rows)


def picker() -> str:
    """Return the table of the picker's settings."""
    rows = []
    for name, trait in _own_traits(DexecPicker):
        default = trait.default() if callable(getattr(trait, "default", None)) else None
        rows.append((f"`{name}`", _default(default), _cell(trait.help)))
    return _table(("trait of `DexecPicker`", "default", "meaning"), rows)


def features() -> str:
    """Return the table of what each backend has; notes stand below it."""
    notes: list[str] = []

    def shown(support: Support) -> str:
        word = "yes" if support.is_there else "no"
        if not support.note:
            return word
        if support.note not in notes:
            notes.append(support.note)
        return f"{word} ({notes.index(support.note) + 1})"

    rows = [
        (feature.value, *(shown(FEATURES[kind][feature]) for kind in BackendKind))
        for feature in Feature
    ]
    table = _table(("feature", *(kind.value for kind in BackendKind)), rows)
    return "\n".join([table, "", *(f"{n}. {note}" for n, note in enumerate(notes, 1))])


def error_classes() -> str:
    """Return the tree of the errors, each with the first paragraph of its docstring."""
    lines: list[str] = []

    def add(kind: type[errors.DexecError], depth: int) -> None:
        summary = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        lines.append(f"{'    ' * depth}- `{kind.__name__}`: {_plain(summary)}")
        for child in sorted(_public_errors(), key=lambda one: one.__name__):
            if child.__base__ is kind:
                add(child, depth + 1)

    add(errors.DexecError, 0)
    return "\n".join(lines)


def options() -> str:
    """Return the table of the options of ``%%exec``."""
    rows = []
    for action in _parser(EXEC)._actions:  # noqa: SLF001 -- argparse has no public list
        if not action.option_strings or action.dest == "help":
            continue
        value = f" {action.metavar}" if action.metavar else ""
        spelled = ", ".join(f"`{option}`" for option in action.option_strings[:-1])
        last = f"`{action.option_strings[-1]}{value}`"
        rows.append((", ".join(filter(None, (spelled, last))), _cell(action.help or "")))
    rows.append(("`-- COMMAND ARG…`", "run this command; the text below the line is its stdin"))
    return _table(("option", "meaning"), rows)


def short_forms() -> str:
    """Return the table of the short forms of ``%%exec``."""
    rows = []
    for name in CELL_MAGICS[1:]:
        interpreter = interpreter_of(name)
        words = " ".join(interpreter.command(name, [])) if interpreter else name
        rows.append((f"`%%{name}`", f"`%%exec -- {words}`"))
    return _table(("short form", "is the same as"), rows)


def magics() -> str:
    """Return the table of all magics, and the help of each."""
    rows = [(f"`{_cell(magic.usage)}`", _cell(magic.summary)) for magic in REGISTRY]
    parts = [_table(("magic", "effect"), rows)]
    parts += [f"### {magic.sign}\n\n```text\n{magic.help.strip()}\n```" for magic in REGISTRY]
    return "\n\n".join(parts)


def record() -> str:
    """Return the list of the record's fields, from a record."""
    snapshot = Snapshot(
        *(State.EXITED, "", "", "", None, None, None, "", 0.0, 0.0, None, None, 0, "")
    )
    fields = ", ".join(f"`{name}`" for name in record_of(snapshot))
    return f"The fields are {fields}."


def command() -> str:
    """Return the help of the command and of each of its subcommands."""
    return "\n\n".join(_helps("dexec-kernel", command_parser()))


def _helps(name: str, parser: argparse.ArgumentParser) -> list[str]:
    """Return the help of a command, and of the commands below it."""
    parts = [_help(name, parser)]
    for group in parser._actions:  # noqa: SLF001 -- argparse has no public list
        if isinstance(group.choices, dict):
            for word, child in group.choices.items():
                parts += _helps(f"{name} {word}", child)
    return parts


#: The page and the name of each part, and the function that writes it.
PARTS: dict[tuple[str, str], Callable[[], str]] = {
    ("settings.md", "settings"): settings,
    ("settings.md", "picker"): picker,
    ("errors.md", "errors"): error_classes,
    ("cell-options.md", "options"): options,
    ("cell-options.md", "short forms"): short_forms,
    ("magics.md", "magics"): magics,
    ("record.md", "record"): record,
    ("command.md", "command"): command,
    ("backends.md", "features"): features,
}


def replaced(page: str, name: str, text: str) -> str:
    """Return the page with a part exchanged. Raises LookupError if it has no such part."""
    begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise LookupError(f"no part {begin} … {end}")
    return pattern.sub(lambda _match: f"{begin}\n\n{text}\n\n{end}", page)


def main() -> int:
    """Write the parts, or check them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    # argparse would follow the width of the terminal, and from Python 3.14 on its colours.
    os.environ.update(COLUMNS="80", NO_COLOR="1")
    faults = list(_write(check=check))
    for path in (ROOT / "README.md", *sorted(_DOCS.rglob("*.md"))):
        faults += [f"{path.relative_to(ROOT)}: {fault}" for fault in unknown_names(path)]
    # The site's own links are checked by mkdocs.
    for path in sorted(ROOT.glob("*.md")):
        faults += [f"{path.name}: {fault}" for fault in dead_links(path)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _write(*, check: bool) -> Iterable[str]:
    """Write the changed files, or yield them."""
    for page in sorted({page for page, _ in PARTS}):
        path = _DOCS / "reference" / page
        old = new = path.read_text(encoding="utf-8")
        for (where, name), make in PARTS.items():
            if where == page:
                new = replaced(new, name, make())
        if new == old:
            continue
        if check:
            yield f"{path.relative_to(ROOT)}: out of date; run `make docs`"
        else:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


def _public_errors() -> list[type[errors.DexecError]]:
    return [getattr(errors, name) for name in errors.__all__]


def _own_traits(owner: type[HasTraits]) -> list[tuple[str, Any]]:
    return sorted(owner.class_own_traits(config=True).items())


def _help(title: str, parser: argparse.ArgumentParser) -> str:
    return f"## {title}\n\n```text\n{parser.format_help().strip()}\n```"


def _default(value: object) -> str:
    return f"`{value}`" if value not in ("", [], None) else "empty"


def _cell(text: str) -> str:
    """Return text for a cell of a table: in one line, with the words of code marked as such."""
    one_line = " ".join(text.split()).replace("%%%%", "%%").replace("|", r"\|")
    return re.sub(r"(?<![`\w])(DEXEC_[A-Z_]+|[a-z]+(?:_[a-z]+)+)(?![`\w/])", r"`\1`", one_line)


def _plain(text: str) -> str:
    """Return a docstring's text with its code marked as Markdown does."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
