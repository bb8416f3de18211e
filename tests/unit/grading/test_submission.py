"""Submitted notebooks: whatever somebody hands in is read, or named for what it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dexec_kernel.grading.submission import CHECK_RECORD, checks_of, read_submission, states_in


def code(source: Any, *outputs: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def record(task: Any, state: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {CHECK_RECORD: {"task": task, "state": state}}}


def notebook(*cells: Any, **more: Any) -> bytes:
    return json.dumps({"cells": list(cells), "nbformat": 4, **more}).encode()


def test_cells_in_order_with_their_checks_and_what_they_show():
    content = notebook(
        {"cell_type": "markdown", "source": "%check copy"},
        code(["cd /tmp\n", "ls"]),
        code("%check copy", record("copy", "not yet")),
        code("  \n"),
        code("%check", record("count", "passed"), {"output_type": "stream"}),
        code("%check copy", record("copy", "passed")),
        code("%check copy", record("copy", "broken")),
        metadata={"kernelspec": {"name": "dexec-lab-x"}},
    )
    found = read_submission(content)
    assert [(cell.number, cell.source, cell.checks) for cell in found.cells] == [
        (2, "cd /tmp\nls", ()),
        (3, "%check copy", ("copy",)),
        (5, "%check", ("",)),
        (6, "%check copy", ("copy",)),
        (7, "%check copy", ("copy",)),
    ]
    assert found.shown == {"copy": "passed", "count": "passed"}
    assert found.kernel == "dexec-lab-x"


def test_notebooks_of_version_3():
    cell = {"cell_type": "code", "input": ["ls\n", "pwd"], "outputs": [{"output_type": "pyout"}]}
    sheets = [{"cells": [cell]}, {"cells": [{"cell_type": "heading", "source": "x"}, cell]}]
    found = read_submission(json.dumps({"nbformat": 3, "worksheets": sheets}).encode())
    assert [(cell.number, cell.source) for cell in found.cells] == [(1, "ls\npwd"), (3, "ls\npwd")]


def test_a_notebook_without_cells():
    assert read_submission(notebook()).cells == ()


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b""])
def test_a_byte_order_mark(start):
    assert read_submission(start + notebook(code("ls"))).cells[0].source == "ls"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"PK\x03\x04\xff\xff", "it is not JSON"),
        (b'{"cells": [', "it is not JSON"),
        (b"\xff\xfe\xff", "it is not JSON"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b"[1]", "it is JSON, and no notebook"),
        (b"null", "it is JSON, and no notebook"),
        (b'{"a": 1}', "it is JSON, and no notebook"),
        (b'{"cells": 7}', "it is JSON, and no notebook"),
        (b'{"worksheets": [3]}', "it is JSON, and no notebook"),
        (b'{"worksheets": 3}', "it is JSON, and no notebook"),
        (b'{"cells": [' + b"1" * 10_000 + b"]}", "it is not JSON"),
        (notebook(*[code("%check\n" * 150_000)] * 2), "more than 2,097,152 characters"),
    ],
)
def test_what_is_no_notebook(content, says):
    with pytest.raises(ValueError, match=says):
        read_submission(content)


def test_cells_and_outputs_of_the_wrong_kind_are_passed_over():
    odd_outputs = [None, 3, {"data": []}, {"data": {CHECK_RECORD: "passed"}}, record(["x"], {})]
    found = read_submission(
        notebook(
            None,
            "text",
            {"cell_type": ["code"], "source": "ls"},
            {"cell_type": "code"},
            code(7),
            code(["echo ", None, "hi"]),
            code("pwd", *odd_outputs, record("copy", "passed")),
            {"cell_type": "code", "source": "ls", "outputs": {"data": 1}},
            metadata=[1],
        )
    )
    assert [cell.source for cell in found.cells] == ["echo hi", "pwd", "ls"]
    assert found.shown == {"copy": "passed"}
    assert found.kernel == ""
    for metadata in ({"kernelspec": 3}, {"kernelspec": {"name": 3}}):
        assert read_submission(notebook(metadata=metadata)).kernel == ""


def test_half_a_surrogate_pair_can_be_sent():
    content = b'{"cells": [{"cell_type": "code", "source": "echo \\ud800"}]}'
    assert read_submission(content).cells[0].source == "echo ?"


@pytest.mark.parametrize(
    ("source", "tasks"),
    [
        ("%check copy", ("copy",)),
        ("\n\n  %check copy", ("copy",)),
        ("%check copy\n%check count\nls", ("copy", "count")),
        ("%timeout 3\n%check", ("",)),
        ("%check?", ()),
        ("%check --help", ()),
        ("ls\n%check copy", ()),
        ("# %check copy", ()),
        ("%%python3\n%check copy", ()),
        ("%check 'copy", ()),
        ("echo '%check copy'", ()),
        ("%check \0", ()),
    ],
)
def test_a_cell_checks_what_the_kernel_would_check(source, tasks):
    assert checks_of(source) == tasks


def test_states_in_an_output():
    assert list(states_in(record("a", "passed"))) == [("a", "passed")]
    assert list(states_in(record(None, "passed"))) == []
