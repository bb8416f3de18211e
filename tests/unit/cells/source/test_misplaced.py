from __future__ import annotations

import pytest

from dexec_kernel.cells.source.cell import parse_cell
from dexec_kernel.cells.source.misplaced import refuse_misplaced
from dexec_kernel.errors import CellSyntaxError
from dexec_kernel.magics.catalogue import REGISTRY


@pytest.mark.parametrize(
    ("text", "sign", "line"),
    [
        ("ls\n%container a", "%container", 2),
        ("ls\r\n  %env A=1\r\necho", "%env", 2),
        ("%ps\nls\n# c\n%ps\n", "%ps", 4),
        ("%%exec -t\n%%exec -u x\nls", "%%exec", 2),
        ("%%exec -t\n%timeout 3\nls", "%timeout", 2),
        ("ls\n%%python3\nprint(1)", "%%python3", 2),
        ("ls\n%%writefile :/x\ntext", "%%writefile", 2),
        ("if true; then\n%logs?\nfi", "%logs", 2),
        ("cat <<END\n%ps\nEND\n%ps", "%ps", 4),
        ("f() {\n%reset\n}", "%reset", 2),
    ],
)
def test_a_magic_among_commands_is_refused(text, sign, line):
    with pytest.raises(CellSyntaxError) as caught:
        refuse_misplaced(parse_cell(text), REGISTRY.knows)
    assert str(caught.value).startswith(f"{sign} in line {line} is below")


@pytest.mark.parametrize(
    "text",
    [
        "%container a\n# c\n%ps\nls",
        "cat <<END\n%container a\n%%exec\nEND",
        "cat <<-'END'\n\t%ps\n\tEND\n",
        "echo '\n%container a'",
        'echo "\n%env A=1\n"',
        "echo \\\n%ps",
        "kill %1\n%1\n%%\n%job\n%nosuch",
        "printf x\n%d",
        "%%exec -- cat\n%container a",
        "%%python3\nx = 5\n%env",
        "%%writefile :/x\na\n%container b",
        "%psql\n",
    ],
)
def test_text_that_looks_like_a_magic_is_left_alone(text):
    refuse_misplaced(parse_cell(text), REGISTRY.knows)


def test_a_long_text_takes_no_long_time():
    lines = "%ps\n" * 20_000
    refuse_misplaced(parse_cell(f"cat <<END\n{lines}END"), REGISTRY.knows)
