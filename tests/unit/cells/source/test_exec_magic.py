"""``%%exec`` and its short forms."""

from __future__ import annotations

import pytest

from dexec_kernel.cells.source.cell import CellSyntaxError, parse_cell
from dexec_kernel.cells.source.exec_magic import CELL_MAGICS
from dexec_kernel.cells.source.options import CellOptions


def options(line: str) -> CellOptions:
    return parse_cell(f"{line}\nbody").options


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%%exec", CellOptions()),
        ("%%exec -c web", CellOptions(container="web")),
        ("%%exec --container=compose:a/b", CellOptions(container="compose:a/b")),
        ("%%exec -u 1000:1000", CellOptions(user="1000:1000")),
        ("%%exec -w '/a b'", CellOptions(workdir="/a b")),
        ("%%exec -tiu x", CellOptions(tty=True, interactive=True, user="x")),
        ("%%exec --privileged --no-error", CellOptions(privileged=True, no_error=True)),
        ("%%exec -e A= -e B=1=2", CellOptions(env={"A": "", "B": "1=2"})),
        ("%%exec -e A=1 --env A='b c'", CellOptions(env={"A": "b c"})),
        ("%%exec -e COLOR=#fff", CellOptions(env={"COLOR": "#fff"})),
        ("%%exec -eA=-1", CellOptions(env={"A": "-1"})),
        ("%%exec -du x -w /y", CellOptions(detach=True, user="x", workdir="/y")),
        ("%%exec --detach --timeout off", CellOptions(detach=True, timeout=0)),
        ("%%exec --timeout 2.5", CellOptions(timeout=2.5)),
        ("%%exec --timeout off", CellOptions(timeout=0)),
        (
            "%%exec -u student -w /srv -e A=1 --timeout 5 -t",
            CellOptions(user="student", workdir="/srv", env={"A": "1"}, timeout=5, tty=True),
        ),
        (
            "%%exec -u a -- psql -U postgres -- -c",
            CellOptions(user="a", command=("psql", "-U", "postgres", "--", "-c")),
        ),
    ],
)
def test_options(line, expected):
    assert options(line) == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%%exec --usr x", r"%%exec has no option '--usr'\. Did you mean --user\?"),
        ("%%exec --use=x", r"%%exec has no option '--use'\. Did you mean --user\?"),
        ("%%exec -x", r"%%exec has no option '-x'\."),
        ("%%exec -u", "%%exec: argument -u/--user: expected one argument"),
        ("%%exec -u ''", "argument -u/--user: the value is empty"),
        ("%%exec ls -l", "%%exec does not take 'ls'; write a command after --"),
        ("%%exec -u x ls", "%%exec does not take 'ls'; write a command after --"),
        ("%%exec --", "%%exec: there is no command after the --"),
        ("%%exec -- ''", "%%exec: the command is an empty word"),
        ("%%exec -e TOKEN", "'TOKEN' has no value; write TOKEN=VALUE .*kernel's own environment"),
        ("%%exec -e =secret", "the name before the = is empty"),
        ("%%exec -e 'A B=secret'", "has spaces in it"),
        ("%%exec --timeout soon", "argument --timeout: 'soon' is not a number of seconds"),
        ("%%exec --timeout -1", "'-1' is not a number of seconds"),
        ("%%exec --timeout nan", "'nan' is not a number of seconds"),
        ("%%exec --timeout inf", "'inf' is not a number of seconds"),
        ("%%exec --tty=1", "argument -t/--tty: ignored explicit argument '1'"),
        ("%%python3 --uesr x --", r"%%python3 has no option '--uesr'\. Did you mean --user\?"),
        ("%%exec -dt", "%%exec: -d and -t exclude each other: .* no terminal"),
        ("%%exec -i --detach", "-d and -i exclude each other: .* no input"),
        ("%%exec -d --timeout 5 -- x", "-d and --timeout exclude each other: nobody waits"),
        ("%%exec -d --no-error", "-d and --no-error exclude each other: .* no exit code"),
        ("%%exec -d -- cat", "%%exec -d: a detached command gets no input, and there is text"),
        ("%%python3 -d --", "%%python3: -d gives python3 no input"),
        ("%%python3 -td -- x", "%%python3: -d and -t exclude each other"),
        ("%%bash a -- b", "%%bash does not take 'a'"),
    ],
)
def test_what_is_wrong_is_named(line, said):
    with pytest.raises(CellSyntaxError, match=said) as caught:
        options(line)
    assert "secret" not in str(caught.value)
    assert caught.value.advice


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("%%python3", "python3 -u -"),
        ("%%python3.12 -u", "python3.12 -u -"),
        ("%%python a -b", "python -u - a -b"),
        ("%%python3 -W ignore -Xdev x", "python3 -u -W ignore -Xdev - x"),
        ("%%python3 -c pass", "python3 -u -c pass"),
        ("%%python3 -Bm json.tool", "python3 -u -Bm json.tool"),
        ("%%python3 -Wcm", "python3 -u -Wcm -"),
        ("%%python3 - a", "python3 -u - a"),
        ("%%node --require x a", "node --require x - a"),
        ("%%node --eval 1", "node --eval 1"),
        ("%%ruby", "ruby -"),
        ("%%perl -w", "perl -M5.006;$|=1 -w -"),
        ("%%perl -ne print", "perl -M5.006;$|=1 -ne print"),
        ("%%php", "php --"),
        ("%%bash", "bash -s"),
        ("%%bash -x a", "bash -x -s a"),
        ("%%bash -eo pipefail a", "bash -eo pipefail -s a"),
        ("%%bash +e -s a", "bash +e -s a"),
        ("%%sh -xc ls", "sh -xc ls"),
        ("%%psql -U postgres", "psql -U postgres"),
        ("%%lua a", "lua -e io.stdout:setvbuf('no') - a"),
        ("%%mysql --defaults-file=f db", "mysql --defaults-file=f db -n"),
        ("%%mysql -- db", "mysql db -n"),
        ("%%mariadb -n", "mariadb -n"),
        ("%%redis-cli -n 1", "redis-cli -n 1"),
    ],
)
def test_short_forms(line, command):
    cell = parse_cell(f"{line}\nbody\n")
    assert " ".join(cell.options.command) == command
    assert cell.body == "body\n"


def test_options_of_a_short_form_stand_before_two_dashes():
    assert options("%%python3 -u student -t -- -u x") == CellOptions(
        user="student", tty=True, command=("python3", "-u", "-", "x")
    )
    assert options("%%psql -u a --") == CellOptions(user="a", command=("psql",))


@pytest.mark.parametrize("name", CELL_MAGICS)
@pytest.mark.parametrize("asked", [" --help", " -h", "?", "??", " -t --help --bogus"])
def test_help(name, asked):
    cell = parse_cell(f"%ps\n%%{name}{asked}\nls")
    assert cell.help.startswith(f"usage: %%{name} ")
    assert "--workdir DIR" in cell.help
    assert (len(cell.magics), cell.body, cell.runs) == (1, "", False)


def test_help_of_the_command_is_the_commands():
    assert options("%%exec -- ls --help").command == ("ls", "--help")
    assert options("%%python3 -- --help").command == ("python3", "-u", "--help", "-")
