"""Sessions composed of what once broke one: each cell does as one shell without us does."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tests.unit.support.ingredients import ENDS, PIECES, Piece
from tests.unit.support.local_shells import (
    GUARD,
    Cells,
    each_shell,
    plain_environment,
    program,
)
from tests.unit.support.shell_probe import probe

_where = re.compile(rb"^(?:bash|sh): (?:eval: |-c: )?(?:line )?\d*(?:: )?(?:eval: )?", re.MULTILINE)
_depth = re.compile(rb"^\++(?= )", re.MULTILINE)
_number = re.compile(rb"(?:at )?line \d+|\b\d{3,}\b")
_ours = re.compile(
    rb"^trap -- (?:'.exit 1(?:30' (?:SIG)?INT|43' (?:SIG)?TERM)|- .*|.* EXIT)\n", re.MULTILINE
)


@st.composite
def cells(draw: st.DrawFn, shell: str) -> list[tuple[Piece, ...]]:
    """Draw two or three cells: the pieces of each, and its end."""
    pieces = st.sampled_from([piece for piece in PIECES if shell in piece.shells])
    ends = st.sampled_from([piece for piece in ENDS if shell in piece.shells])
    cell = st.tuples(st.lists(pieces, max_size=4), ends).map(lambda drawn: (*drawn[0], drawn[1]))
    drawn = st.lists(cell.filter(is_comparable), min_size=1, max_size=2)
    return draw(drawn.filter(are_comparable))


#: A command in the background or in a pipeline, which is no `&&` or `||`, and no redirection.
_at_once = re.compile(r"(?<![&>])&(?![&>])|coproc|>\(|(?<!\|)\|(?!\|)")

_makes_file = re.compile(r">[a-z]")


def are_comparable(drawn: list[tuple[Piece, ...]]) -> bool:
    """Return whether the cells end where they end without a session.

    A shell that goes on would print later what it could not write to /dev/full, so that this is
    left out there; but with `set -e` it ends the cell. Two processes that run at once have no order
    in a trace. What is not carried over is not repeated without a session, and with `set -C` the
    file that it has made is missed there.
    """
    text = "\n".join(piece.text for cell in drawn for piece in cell)
    if "set -x" in text and _at_once.search(text):
        return False
    if "set -C" in text and _makes_file.search(text):
        return False
    return not ("/dev/full" in text and "set -e" in text)


def is_comparable(cell: tuple[Piece, ...]) -> bool:
    """Return whether the cell does in a session what it does without one, in all that it prints.

    An EXIT trap runs when what ``exec`` has redirected is undone, and after SIGTERM. A function
    that exits has arguments of its own.
    """
    text = "\n".join(piece.text for piece in cell)
    if (
        "f_end" in text
        and any(word in text for word in ("set --", "shift", " ERR", " RETURN"))
        and "-eE" not in text
    ):
        return False
    return not (" EXIT" in text and ("exec " in text or "kill -TERM" in text))


class Plain:
    """What a shell without us does with a cell, after others in the same shell."""

    def __init__(self, shell: str, folder: Path, before: list[str], cell: str) -> None:
        mark = "/bin/sh -c 'echo @@; echo @@ >&2'"
        script = "".join(
            f"\\eval {shlex.quote(text)} >/dev/null 2>&1 </dev/null\n" for text in before
        )
        if before:
            script += mark + "\n"
        first = "shopt -s expand_aliases\n" if shell == "bash" else ""
        name = "bash" if shell == "bash" else "sh"
        with subprocess.Popen(
            [*program(shell), "-c", first + script + cell, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=plain_environment(),
            start_new_session=True,
        ) as process:
            try:
                stdout, stderr = process.communicate(b"", timeout=GUARD)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                pytest.fail(f"without us it does not end either: {script}{cell}")
        self.exit_code = exit_code(process.returncode)
        #: The cells before have let it come to this one.
        self.arrived = not before or b"@@\n" in stdout
        if before:
            stdout, stderr = (text.rpartition(b"@@\n")[2] for text in (stdout, stderr))
        self.stdout, self.stderr = stdout.decode(errors="replace"), stderr.decode(errors="replace")


def exit_code(code: int) -> int:
    """Return a shell's exit code: a signal that ends it may let a cell hand over first."""
    return 128 - code if -code in {signal.SIGINT, signal.SIGTERM} else code


def compared(text: str) -> str:
    """Return what is printed on stderr without the names of places in the text."""
    data = _where.sub(b"sh: ", text.encode())
    return _number.sub(b"number", _depth.sub(b"+", data)).decode()


def sections(printed: str) -> dict[str, Any]:
    """Return what a probe has printed, in an order of its own."""
    name, _, rest = printed.partition("\n@@")[2].partition("\n")
    found = {}
    while name:
        text, _, rest = rest.partition("\n@@")
        lines = _ours.sub(b"", text.encode()).decode()
        if name in {"exported", "readonly"}:
            entries = re.split(r"\n(?=export |readonly )", lines.strip("\n"))
            # They are not carried over.
            own = ("export _=", "export LINENO=")
            found[name] = sorted(entry for entry in entries if not entry.startswith(own))
        else:
            found[name] = lines
        name, _, rest = rest.partition("\n")
    return found


def compare(kind: str, ours: object, plain: object, texts: list[str]) -> None:
    if isinstance(ours, dict) and isinstance(plain, dict):
        for name in ours.keys() | plain.keys():
            compare(f"{kind}, {name}", ours.get(name), plain.get(name), texts)
    assert ours == plain, f"{kind} after {texts}: {ours!r}, and without us {plain!r}"


def check(shell: str, drawn: list[tuple[Piece, ...]]) -> None:
    """Run the cells in a session and without one; what they do is the same."""
    with tempfile.TemporaryDirectory(prefix="dexec-cells-") as name:
        top = Path(name)
        (top / "ours").mkdir()
        session = Cells(shell, top / "ours")
        before: list[str] = []
        texts = ["\n".join(piece.text for piece in cell) for cell in drawn]
        for number, text in enumerate([*texts, probe(shell)]):
            is_probe = number == len(drawn)
            result = session(text)
            assert result.ran, text
            shutil.rmtree(top / "plain", ignore_errors=True)
            (top / "plain").mkdir()
            plain = Plain(shell, top / "plain", before, text)
            if not plain.arrived:
                return
            stdout, stderr, expected, errors = (
                said.replace(f"{top}/{folder}", "FOLDER")
                for folder, it in (("ours", result), ("plain", plain))
                for said in (it.stdout, it.stderr)
            )
            if is_probe:
                compare("state", sections(stdout), sections(expected), texts)
                return
            compare("stdout", compared(stdout), compared(expected), [*before, text])
            compare("stderr", compared(stderr), compared(errors), [*before, text])
            if "unexpected EOF" not in stderr:  # Bash has then the exit code of the line before.
                compare("exit code", exit_code(result.exit_code), plain.exit_code, [*before, text])
            has_errexit = any(word in "\n".join(texts) for word in ("set -e", "errexit"))
            if result.exit_code and has_errexit:
                return  # Which of its pieces has ended it, nobody knows.
            lost = not session.handed_over
            kept = [] if lost else [piece.later for piece in drawn[number]]
            before.append("\n".join(kept))


@each_shell
def test_composed_cells_do_what_one_shell_does(shell: str) -> None:
    @settings(max_examples=examples(12))
    @given(cells(shell))
    def run(drawn: list[tuple[Piece, ...]]) -> None:
        check(shell, drawn)

    run()
