"""What a check is told of the student's session."""

from __future__ import annotations

from dexec_kernel.lab.checks.facts import CellFact, Facts

FOLDER = "/.dexec-1"


def test_nothing_has_run():
    assert Facts().environment(FOLDER) == {
        "DEXEC_HISTORY": "/.dexec-1/history",
        "DEXEC_SESSION": "/.dexec-1/session",
        "DEXEC_FOLDER": "",
        "DEXEC_LAST_CELL": "",
        "DEXEC_LAST_OUTPUT": "",
        "DEXEC_LAST_EXIT_CODE": "",
    }
    assert dict(Facts().files()) == {
        "session/folder": b"",
        "session/variables": b"",
        "session/functions": b"",
        "session/aliases": b"",
        "session/options": b"",
    }


def test_everything_is_there():
    facts = Facts(
        cells=(CellFact("ls | wc -l", "3\n", 0), CellFact("false; sleep 9", "", None)),
        folder="/root/w",
        exported={"FOO": "a\nb", "not a name": "x", "../../../etc/passwd": "x"},
        variables=frozenset({"FOO", "bar"}),
        functions=frozenset({"f"}),
        aliases=frozenset({"ll"}),
        options=frozenset({"pipefail", "errexit"}),
    )
    environment = facts.environment(FOLDER)
    assert environment["DEXEC_LAST_CELL"] == "false; sleep 9"
    assert environment["DEXEC_LAST_EXIT_CODE"] == ""
    assert environment["DEXEC_FOLDER"] == "/root/w"
    assert dict(facts.files()) == {
        "history/001/cell": b"ls | wc -l",
        "history/001/output": b"3\n",
        "history/001/exit_code": b"0",
        "history/002/cell": b"false; sleep 9",
        "history/002/output": b"",
        "history/002/exit_code": b"",
        "session/folder": b"/root/w",
        "session/exported/FOO": b"a\nb",
        "session/variables": b"FOO\nbar\n",
        "session/functions": b"f\n",
        "session/aliases": b"ll\n",
        "session/options": b"errexit\npipefail\n",
    }


def test_the_last_hundred_cells_the_oldest_first():
    cells = tuple(CellFact(f"echo {number}", "", 0) for number in range(150))
    files = dict(Facts(cells=cells).files())
    assert files["history/001/cell"] == b"echo 50"
    assert files["history/100/cell"] == b"echo 149"
    assert "history/101/cell" not in files


def test_a_variable_has_the_end_of_a_long_output_and_no_nul():
    output = "é" * 90_000 + "\0END"
    facts = Facts(cells=(CellFact("x", output, 0),))
    shown = facts.environment(FOLDER)["DEXEC_LAST_OUTPUT"]
    assert shown.endswith("éEND")
    assert len(shown.encode()) <= 100_010
    assert dict(facts.files())["history/001/output"] == output.encode()


def test_values_do_not_show_in_a_repr():
    facts = Facts(cells=(CellFact("x", "hunter2"),), exported={"TOKEN": "hunter2"})
    assert "hunter2" not in repr(facts)
