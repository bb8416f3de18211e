"""The session's state, handed from shell to shell, under the shells that images have."""

from __future__ import annotations

import pytest

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.shell.handover import Handover
from dexec_kernel.shell.session import Session
from dexec_kernel.shell.state import ShellState
from dexec_kernel.shell.takeover import MAX_STATE_SIZE
from tests.unit.support.local_shells import Cells, each_shell


@pytest.fixture
def prompt(shell, tmp_path):
    return Cells(shell, tmp_path, GIVEN="by the container")


VALUES = [
    "plain",
    "two\nlines\n",
    "quotes ' \" ` and $HOME \\ \\n",
    " spaces  and\ttabs ",
    "non-ASCII é 日本語 🐳",
    "x" * 100_000,
    "",
    "export FAKE='1'\nreadonly x",
]


@each_shell
@pytest.mark.parametrize("value", VALUES)
def test_values_survive(prompt, value):
    quoted = "'" + value.replace("'", "'\\''") + "'"
    assert prompt(f"export A={quoted}\nb={quoted}").exit_code == 0
    assert prompt.dropped == []
    for _ in range(2):
        result = prompt('printf \'%s|%s|\' "$A" "$b"; sh -c \'printf %s "$A"\'')
        assert result.stdout == f"{value}|{value}|{value}"
        assert result.stderr == ""


@each_shell
def test_folder_umask_and_what_was_unset(prompt, tmp_path):
    (tmp_path / "a b'c").mkdir()
    prompt('cd "a b\'c"; umask 027; unset GIVEN HOSTNAME HOME')
    result = prompt(
        "pwd; umask; echo ${GIVEN-unset} ${HOSTNAME-unset} ${HOME-unset}; cd - >/dev/null; pwd"
    )
    assert result.stdout == f"{tmp_path}/a b'c\n0027\nunset unset unset\n{tmp_path}\n"


@each_shell
def test_in_a_folder_that_is_gone_nothing_runs(prompt, tmp_path):
    (tmp_path / "kept").touch()
    prompt("mkdir gone; cd gone; rmdir ../gone")
    result = prompt("rm -f *; pwd")
    assert (result.ran, result.folder_lost, result.exit_code) == (False, True, 125)
    assert (result.stdout, result.stderr) == ("", "")
    assert prompt("pwd").folder_lost
    assert prompt(f"cd '{tmp_path}'; pwd", may_be_elsewhere=True).stdout == f"{tmp_path}\n"
    assert prompt("ls").stdout == "kept\n"


@each_shell
def test_what_a_container_gives_stays_when_nobody_touches_it(prompt):
    prompt("true")
    assert prompt("echo $GIVEN; sh -c 'echo $GIVEN'").stdout == "by the container\n" * 2


@each_shell
@pytest.mark.parametrize("ending", ["false", "exit 3", "set -e; false", "kill -INT $$; sleep 1"])
def test_state_is_taken_over_however_the_cell_ends(prompt, ending):
    result = prompt(f"x=1\n{ending}")
    assert result.exit_code != 0
    assert prompt("echo $x").stdout == "1\n"


@each_shell
@pytest.mark.parametrize("ending", ["exec true", "kill -KILL $$", "trap 'exit 4' EXIT; exit"])
def test_a_shell_that_is_replaced_or_killed_keeps_the_state_before(prompt, ending):
    prompt("x=1")
    prompt(f"x=2\n{ending}")
    assert prompt("echo $x").stdout == "1\n"


@each_shell
def test_errexit_ends_the_cell_and_not_the_session(prompt):
    assert prompt("set -e; false; echo no").stdout == ""
    assert prompt("echo yes; false; echo no").stdout == "yes\n"
    prompt("set +e")
    assert prompt("false; echo yes").stdout == "yes\n"


@each_shell
def test_options_carry_over_and_none_of_ours_is_traced(prompt):
    prompt("set -fx")
    result = prompt("echo *")
    assert result.stdout == "*\n"
    assert "dexec" not in result.stderr.lower()
    assert "MARK" not in result.stderr
    assert [line.strip("+ ") for line in result.stderr.splitlines()] in (
        ["echo *"],
        ["echo '*'"],
    )
    prompt("set +fx")
    assert prompt("echo hi").stderr == ""


@each_shell
def test_nounset_does_not_break_the_driver(prompt):
    prompt("set -u")
    result = prompt("echo ${nothing-ok}")
    assert (result.stdout, result.stderr) == ("ok\n", "")


@each_shell
def test_the_user_may_set_ifs_and_read_only_variables(prompt):
    prompt("IFS=:; readonly R=5")
    result = prompt("x=a:b; set -- $x; echo $# $R")
    assert (result.stdout, result.stderr) == ("2 5\n", "")


@each_shell
def test_aliases_carry_over(prompt):
    prompt("alias hello='echo hello there' two='echo \"it'\"'\"'s\"'")
    assert prompt("hello\ntwo").stdout == "hello there\nit's\n"
    prompt("unalias two")
    assert prompt("alias hello >/dev/null && ! alias two 2>/dev/null; echo $?").stdout == "0\n"


@pytest.mark.parametrize("shell", ["bash"])
def test_bash_keeps_functions_arrays_and_shopt(prompt):
    prompt(
        "shopt -s extglob nullglob; set -o pipefail\n"
        "list=(a 'b c'); declare -A map=([k]='v w'); declare -i n=2; declare -r fixed=7\n"
        'greet() { case $1 in @(you|me)) echo "hi $1";; esac; }\n'
        'export_me() { echo "hi $1"; }; export -f export_me\n'
    )
    result = prompt(
        'echo "${list[1]} ${map[k]} $fixed"; n+=3; echo $n; greet you; bash -c "export_me me"\n'
        "shopt -q extglob nullglob && echo on; set -o | grep -c 'pipefail.*on'"
    )
    assert result.stdout == "b c v w 7\n5\nhi you\nhi me\non\n1\n"
    assert result.stderr == ""


@each_shell
def test_the_state_shows_none_of_our_names(prompt):
    prompt("x=1")
    prompt("y=1")
    state = prompt.state
    script = (state.early + state.late).lower().replace(b"||__dexec_bad=$__dexec_bad", b"")
    assert b"dexec" not in script
    assert b"mark" not in script


@each_shell
def test_a_cell_that_redirects_its_own_stderr_writes_only_its_own(prompt, tmp_path):
    prompt("x=1")
    prompt("exec 2>err.txt; echo mine >&2; x=2")
    assert (tmp_path / "err.txt").read_text() == "mine\n"
    assert prompt("echo $x").stdout == "2\n"


@each_shell
def test_binary_output_does_not_disturb_the_hand_over(prompt):
    prompt("x=1; printf '\\000\\377dexec:\\n' >&2; printf 'dexec:0123' >&2")
    assert prompt("echo $x").stdout == "1\n"


@each_shell
def test_what_is_too_large_is_named_and_the_rest_carries_over(prompt):
    prompt(f"x=2; big=$(head -c {MAX_STATE_SIZE} /dev/zero | tr '\\000' y)")
    assert prompt.dropped == [
        f"the variable big, which has {MAX_STATE_SIZE + SAID[prompt.shell]:,} bytes"
    ]
    assert prompt("echo $x${big-unset}").stdout == "2unset\n"
    assert prompt.dropped == []


#: In bytes: how much is around a value.
SAID = {"bash": len('declare -- big=""'), "dash": len("big=''"), "busybox": len("big=''")}


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_bytes_that_are_no_text_are_named_and_not_changed(prompt):
    prompt("x=1; y=$(printf 'a\\377b')")
    assert prompt.dropped == ["the variable y, which is no UTF-8"]
    assert prompt("echo $x${y-unset}").stdout == "1unset\n"


def test_a_damaged_hand_over_keeps_the_one_before():
    session = Session()
    whole = {
        "shell": b"0:B",
        "options": b"",
        "folder": b"/",
        "umask": b"0022\n",
        "aliases": b"",
        "variables": b"x='1'\n",
    }
    assert session.take_over(Handover(list(whole.items())), env_names=()) == ""
    before = session.state
    for kind in whole:
        part = [(name, text) for name, text in whole.items() if name != kind]
        assert "damaged" in session.take_over(Handover(part), env_names=())
        assert session.state is before
    assert "damaged" in session.take_over(None, env_names=())
    assert session.state is before
    session.reset()
    assert session.state is None


def test_functions_that_could_not_be_restored_are_named_once():
    session = Session()
    assert session.drop(["f"]) == ""
    session.state = ShellState(
        {"function f": b"f", "function g": b"g"}, functions=frozenset({"f", "g"})
    )
    assert session.drop([]) == ""
    assert session.drop(["f"]) == "these functions could not be restored, and are forgotten: f"
    assert session.state == ShellState({"function g": b"g"}, functions=frozenset({"g"}))


@each_shell
def test_a_name_that_no_shell_may_have(shell, tmp_path):
    """Every second cell of such a container did not run in dash and busybox."""
    prompt = Cells(shell, tmp_path, **{"é": "1", "a.b": "2", "a-b": "3"})
    prompt("x=1")
    assert prompt("echo $x").stdout == "1\n"


@pytest.mark.parametrize("shell", ["bash", "dash", "busybox", "mksh", "yash"])
@pytest.mark.parametrize("name", ["X", "LANG"])
def test_a_readonly_variable_that_is_set_ends_no_shell(shell, name, tmp_path):
    prompt = Cells(shell, tmp_path)
    prompt(f"readonly {name}=1; export {name}")
    with pytest.raises(ConfigurationError, match=f"{name} readonly"):
        prompt.state.check_may_set([name, "other"])
    prompt.state.check_may_set(["other"])
    prompt.state = prompt.state.with_variable(name, "2")
    result = prompt(f"echo ${name}")
    assert (result.stdout, result.exit_code) == ("1\n", 0)


@each_shell
@pytest.mark.parametrize("name", ["X", "LC_ALL"])
def test_a_variable_is_set_whatever_export_means(prompt, name):
    prompt("alias export=false; export() { :; }")
    prompt.state = prompt.state.with_variable(name, "C")
    assert prompt(f"sh -c 'echo ${name}'").stdout == "C\n"
