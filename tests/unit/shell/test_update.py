"""The text that brings a shell from one state of the session to another."""

from __future__ import annotations

import shutil

import pytest

from dexec_kernel.cells.driver import FolderLost, HasCell
from dexec_kernel.shell.state import ShellState
from dexec_kernel.shell.takeover import put_together
from dexec_kernel.shell.update import update_between
from tests.unit.support.local_shells import each_shell, environment, run_cell

ENV_NAMES = ("PATH", "HOME", "LANG")


def after(shell: str, source: str, state: ShellState | None = None) -> ShellState:
    """The state that a cell leaves."""
    folder = state.folder if state else ""
    result = run_cell(shell, source, env=environment(state, hand_over=True, folder=folder))
    assert result.handover is not None
    found, dropped = put_together(result.handover, ENV_NAMES, state)
    assert dropped == []
    return found


@each_shell
def test_nothing_is_needed_where_nothing_has_changed(shell):
    state = after(shell, "A=1; export B=2; cd /tmp")
    assert update_between(state, state) == b""
    # Bash prints one more variable of its own when it was given its variables back.
    state = after(shell, "echo nothing", state)
    assert update_between(state, after(shell, "echo nothing; false", state)) == b""


@each_shell
def test_what_has_come_or_changed_is_in_the_update(shell):
    before = after(shell, "A=1")
    update = update_between(before, after(shell, "A=2; cd /tmp; alias new=true", before))
    assert update is not None
    assert b"new" in update
    assert b"__dexec_folder='/tmp'" in update


def test_options_go_over():
    before = after("bash", "A=1")
    update = update_between(before, after("bash", "set -u", before))
    assert update is not None
    assert b"builtin set -o nounset'" in update


@each_shell
def test_what_must_go_cannot_be_updated(shell):
    before = after(shell, "A=1")
    assert update_between(before, after(shell, "unset A", before)) is None


@each_shell
def test_aliases_come_last_in_any_case_and_may_go(shell):
    before = after(shell, "alias a=true")
    update = update_between(before, after(shell, "unalias a", before))
    assert update
    assert b"a=" not in update.replace(b"__dexec_late=", b"")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("f() { :; }", "unset -f f"),
        ("export A=1", "export -n A"),
        ("declare -a A=(1 2)", "unset A; A=1"),
        ("declare -i A=1", "declare +i A"),
    ],
)
def test_in_bash_neither_can_functions_and_attributes(first, then):
    before = after("bash", first)
    assert update_between(before, after("bash", then, before)) is None


def test_a_shell_without_a_state_can_have_any_and_none_can_forget_one():
    state = after("bash", "A=1")
    update = update_between(None, state)
    assert update is not None
    assert state.pieces["variable A"] in update
    assert update_between(state, None) is None
    assert update_between(None, None) == b""


def test_a_large_state_is_not_sent_with_a_cell():
    before = after("bash", "A=1")
    assert update_between(before, after("bash", "A=$(printf %040000d 1)", before)) is None


# --- a shell that waits, and is given the update --------------------------------------------------


@each_shell
def test_the_session_is_there_and_can_have_gone_on(wait, shell, tmp_path):
    before = after(shell, f"A=1; cd '{tmp_path}'; alias say='echo old'")
    waiting = wait(shell, before)
    folder = tmp_path / "it's here"
    folder.mkdir()
    change = f'A=2; B="3  \'\n4"; cd "{folder}"; alias say=\'echo new\'; set -f'
    update = update_between(before, after(shell, change, before))
    assert update
    waiting.run('echo $A "$B"; pwd; say it; echo *', update)
    assert waiting.stdout == f"2 3  '\n4\n{folder}\nnew it\n*\n"
    assert waiting.folder == str(folder)


@each_shell
def test_it_waits_in_a_folder_that_is_made_anew(wait, shell, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    waiting = wait(shell, after(shell, f"cd '{folder}'"))
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "new").touch()
    waiting.run("echo *; pwd")
    assert waiting.stdout == f"new\n{folder}\n"


@each_shell
def test_where_the_folder_is_gone_nothing_runs(wait, shell, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    waiting = wait(shell, after(shell, f"cd '{folder}'"))
    folder.rmdir()
    waiting.run("pwd")
    assert waiting.stdout == waiting.stderr == ""
    assert [event.folder for event in waiting.all(FolderLost)] == [str(folder)]
    assert not waiting.all(HasCell)


@each_shell
def test_where_its_own_folder_is_gone_nothing_runs_either(wait, shell, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    waiting = wait(shell, None, folder)
    folder.rmdir()
    waiting.run("pwd")
    assert (waiting.stdout, waiting.process.returncode) == ("", 125)


@each_shell
def test_cd_goes_back_to_where_the_session_was(wait, shell, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    waiting = wait(shell, after(shell, f"cd '{first}'; cd '{second}'"))
    waiting.run("cd - >/dev/null; pwd")
    assert waiting.stdout == f"{first}\n"
