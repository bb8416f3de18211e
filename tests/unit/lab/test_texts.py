"""Scripts, hints and the notebook of a lab."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dexec_kernel.lab.texts import (
    hint_problems,
    hints,
    notebook_problems,
    script_lines,
    script_problems,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!/bin/sh\ngrep -q a /b || exit 1\n", ""),
        ("if true; then echo 'a b'; fi", ""),
        ("#!/usr/bin/env python3\nif x:\n  print('", ""),
        ("#!/bin/bash\nif true; then", "ends in the middle"),
        ("#!/usr/bin/env bash\necho 'a", "ends in the middle"),
        ("echo )", "syntax is wrong"),
        ("", "no command"),
        ("#!/bin/sh\n# nothing yet\n\n", "no command"),
        ("true\r\nfalse\r\n", "CRLF"),
        ("\ufefftrue\n", "byte order mark"),
        ("true\0\n", "NUL"),
        ("( " * 20_000, "nested too deeply"),
    ],
)
def test_scripts(text, words):
    found = list(script_problems(text))
    assert [words in problem for problem in found] == ([True] if words else [])


def test_the_lines_of_a_script():
    assert script_lines("#!/bin/sh\n\n  a b \n# c\nd") == ["a b", "d"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Look there.\n", ("Look there.",)),
        ("## One\na\n\n## Two\nb\nc\n", ("a", "b\nc")),
        ("# Title\nintro\n## One\na", ("a",)),
        ("## One\n```\n## no section\n```\nend", ("```\n## no section\n```\nend",)),
        ("## One\n````\n```\n## no\n````\n## Two\nb", ("````\n```\n## no\n````", "b")),
        ("### One\na", ("### One\na",)),
    ],
)
def test_a_hint_is_a_section(text, wanted):
    assert hints(text) == wanted
    assert list(hint_problems(text)) == []


def test_hints_without_text():
    assert list(hint_problems(" \n")) == ["it is empty"]
    assert list(hint_problems("```\n##One\n```\n### a")) == []
    assert hints("##One\na") == ("##One\na",)
    assert list(hint_problems("##One\na")) == ["line 1 begins no hint: write a space after its ##"]
    assert list(hint_problems("## One\n\n## Two\nb")) == ["hint 1 has no text below its ##"]


def notebook(*cells: Any, kernel: object = "k") -> bytes:
    made = [cell if isinstance(cell, dict) else code(cell) for cell in cells]
    return json.dumps({"cells": made, "metadata": {"kernelspec": {"name": kernel}}}).encode()


def code(source: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, **more}


def problems_of(content: bytes, *, tasks=("a", "bee"), **solutions: str) -> list[str]:
    return list(notebook_problems(content, kernel="k", tasks=tasks, solutions=solutions))


def test_a_notebook_with_a_check_for_each_task():
    cells = (["cd /\n", "%check a\n"], "%check bee")
    assert problems_of(notebook(*cells)) == []
    assert problems_of(notebook("%check")) == []


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"{}", b'{"cells": 1}', b'{"cells": [1]}', b'{"cells": [{}]}', b"\xff"),
        *(b'{"cells": [{"cell_type": "code", "source": 1}]}', b"[" * 100_000),
        b"\xef\xbb\xbf" + notebook("%check a", "%check bee"),
    ],
)
def test_what_is_no_notebook_is_one_problem(content):
    [problem] = problems_of(content)
    assert "no notebook" in problem


def test_its_kernel_and_its_checks():
    content = notebook("%check be", {"cell_type": "markdown", "source": "%check a"}, kernel="x")
    assert problems_of(content) == [
        "its kernel is 'x', and should be 'k' (metadata.kernelspec.name)",
        "%check be: there is no such task; did you mean bee?",
        "no cell has %check a",
        "no cell has %check bee",
    ]
    assert problems_of(content, tasks=None) == [
        "its kernel is 'x', and should be 'k' (metadata.kernelspec.name)"
    ]
    bare = json.dumps({"cells": [code("%check zz")], "metadata": {"kernelspec": 3}}).encode()
    assert problems_of(bare, tasks=()) == [
        "its kernel is None, and should be 'k' (metadata.kernelspec.name)",
        "%check zz: there is no such task",
    ]


@pytest.mark.parametrize(
    "cell",
    [
        code("chmod 600 /root/secret.txt"),
        {"cell_type": "markdown", "source": ["Write `chmod 600", " /root/secret.txt`"]},
        code("x", outputs=[{"text": ["chmod 600 /root/secret.txt\n"]}]),
        code("x", metadata={"answer": {"is": "chmod 600 /root/secret.txt"}}),
    ],
)
def test_a_solution_is_nowhere_in_it(cell):
    content = notebook("%check", cell)
    solution = "#!/bin/sh\nchmod 600 /root/secret.txt\n"
    assert problems_of(content, a=solution) == ["it has the solution of a in it"]
    assert problems_of(content, a=solution + "chmod 700 /root/other\n") == []
    assert problems_of(content, a="cd /\n") == []
