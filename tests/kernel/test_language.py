"""Completion, help, is_complete and history, through a real kernel and real containers."""

from __future__ import annotations

import os
import signal

import pytest

from tests.waiting import until

TYPES = "_jupyter_types_experimental"
#: Names that a shell would take apart, each the only one that begins as it does.
ODD = ["a b", "it's", 'q"q', "d$HOME", "e`id`", "g*?[x]", "h\\i", "j\nk", "l;m", "ñandú", "-n o"]


#: A late answer is dropped; here it may take as long as it likes.
PATIENT = {"DEXEC_COMPLETION_TIMEOUT": "60"}


def ask(kernel, code, cursor=None):
    """Return the completed texts of the cell, with their types."""
    content = kernel.reply(kernel.client.complete(code, cursor))
    assert content["status"] == "ok"
    start, end = content["cursor_start"], content["cursor_end"]
    types = {entry["text"]: entry["type"] for entry in content["metadata"][TYPES]}
    assert list(types) == content["matches"]
    return {code[:start] + text + code[end:]: kind for text, kind in types.items()}


def look(kernel, code, cursor=None):
    content = kernel.reply(kernel.client.inspect(code, cursor))
    assert content["status"] == "ok"
    return content["data"].get("text/plain", "") if content["found"] else ""


@pytest.fixture(scope="module")
def kernel(start_module_kernel, busybox):
    return start_module_kernel(DEXEC_CONTAINER=busybox, **PATIENT)


@pytest.fixture(scope="module")
def bash(start_module_kernel, debian):
    return start_module_kernel(DEXEC_CONTAINER=debian, **PATIENT)


@pytest.fixture(params=["busybox", "bash"])
def any_kernel(request):
    """A kernel in busybox and one in Debian; each test begins with a new session."""
    kernel = request.getfixturevalue("kernel" if request.param == "busybox" else "bash")
    yield kernel
    assert kernel.run("%reset").reply["status"] == "ok"


@pytest.fixture
def folder(any_kernel):
    """A folder with odd names; it is gone afterwards."""
    made = "\n".join("printf x > '" + name.replace("'", "'\\''") + "'" for name in ODD)
    result = any_kernel.run(
        "rm -rf '/tmp/odd ones'; mkdir -p '/tmp/odd ones/s ub' && cd '/tmp/odd ones' || exit\n"
        + made.replace("> '-n", "> './-n")
    )
    assert result.reply["status"] == "ok", result.text("stderr")
    yield "/tmp/odd ones"
    any_kernel.run("cd /; rm -rf '/tmp/odd ones'")


def test_commands_builtins_and_keywords(any_kernel):
    assert ask(any_kernel, "mkdi") == {"mkdir": "command"}
    assert "umask" in ask(any_kernel, "umas")
    assert "true; while" in ask(any_kernel, "true; whil")
    assert ask(any_kernel, "x=$(mkdi") == {"x=$(mkdir": "command"}
    assert ask(any_kernel, "/bin/mkdi") == {"/bin/mkdir": "command"}
    assert ask(any_kernel, "echo mkdi") == {}


def test_variables(any_kernel):
    assert ask(any_kernel, "echo $PAT") == {"echo $PATH": "variable"}
    assert ask(any_kernel, "echo ${PAT") == {"echo ${PATH}": "variable"}
    assert ask(any_kernel, 'echo "${PAT}"', 11) == {'echo "${PATH}"': "variable"}
    assert "export PATH" in ask(any_kernel, "export PAT")


def test_cursor_counts_code_points(any_kernel):
    code = "echo '🐳 é'; mkdi && true"
    assert ask(any_kernel, code, code.index(" &&")) == {"echo '🐳 é'; mkdir && true": "command"}


def test_files_and_folders(any_kernel):
    assert ask(any_kernel, "cat /etc/hostn") == {"cat /etc/hostname": "file"}
    assert ask(any_kernel, "cat </etc/hostn") == {"cat </etc/hostname": "file"}
    assert ask(any_kernel, "ls /et") == {"ls /etc/": "folder"}
    assert ask(any_kernel, "cd /etc/hostn") == {}
    assert ask(any_kernel, "X=/et") == {"X=/etc/": "folder"}


#: Each pair of shell, quotes and place of the folder is met.
@pytest.mark.parametrize(
    ("any_kernel", "opening", "where"),
    [
        ("busybox", "", "absolute"),
        ("busybox", "'", "session"),
        ("busybox", '"', "absolute"),
        ("bash", "", "session"),
        ("bash", "'", "absolute"),
        ("bash", '"', "session"),
    ],
    indirect=["any_kernel"],
)
def test_what_is_inserted_names_the_file(any_kernel, folder, opening, where):
    """The shell itself says whether the inserted text is the name."""
    prefix = f"{folder}/" if where == "absolute" else ""
    typed = prefix.replace(" ", "\\ ") if not opening else prefix
    codes = []
    for name in ODD:
        found = ask(any_kernel, f"ls -d -- {opening}{typed}{name[0]}")
        assert list(found.values()) == ["file"], name
        codes += [code.replace("ls -d --", "printf '%s\\0'") for code in found]
    listed = any_kernel.run("\n".join(codes)).text().split("\0")
    assert dict(zip(codes, listed, strict=False)) == {
        code: f"{prefix}{name}" for code, name in zip(codes, ODD, strict=True)
    }
    [code] = ask(any_kernel, f"ls {opening}{typed}s")
    assert ask(any_kernel, code + "x") == {}
    assert any_kernel.run(f"{code}{opening}").reply["status"] == "ok"


def test_home(any_kernel):
    any_kernel.run("mkdir -p ~/dexec-home; : > ~/dexec-home/file")
    assert ask(any_kernel, "ls ~/dexec-h") == {"ls ~/dexec-home/": "folder"}
    assert ask(any_kernel, "ls ~/dexec-home/f") == {"ls ~/dexec-home/file": "file"}
    any_kernel.run("rm -r ~/dexec-home")


HOSTILE = [
    "$(touch /tmp/pwned)",
    "`touch /tmp/pwned`",
    "echo $(touch /tmp/pwned",
    "echo `touch /tmp/pwned",
    "echo '$(touch /tmp/pwned)",
    'echo "$(touch /tmp/pwned)',
    "echo '`touch /tmp/pwned`",
    "echo \\$\\(touch\\ /tmp/pwned\\)",
    "'$(touch /tmp/pwned)",
    "'`touch /tmp/pwned`/",
    "echo '; touch /tmp/pwned; '\\''",
    "ls <(touch /tmp/pwned) ",
    "${x:=$(touch /tmp/pwned)}",
    "${x:=$(touch /tmp/pwned)",
    "export a[$(touch /tmp/pwned)]",
    "export 'a[$(touch /tmp/pwned)]",
    "cd '-P; touch /tmp/pwned",
    "echo '*",
    "\x01\x7f",
    "-e",
]


def evaluated(kernel, *places):
    """Ask for hostile code at these parts of its length; return the numbers of what has run."""
    kernel.run("rm -rf /tmp/pwned; mkdir /tmp/pwned")
    for number, hostile in enumerate(HOSTILE):
        code = hostile.replace("/tmp/pwned", f"/tmp/pwned/{number}")
        for place in places:
            ask(kernel, code, int(place * len(code)))
            look(kernel, code, int(place * len(code)))
    return kernel.run("ls /tmp/pwned").text().split()


def test_nothing_typed_is_evaluated(any_kernel):
    assert evaluated(any_kernel, 1) == []


def test_nothing_is_evaluated_in_the_midst_of_code(kernel):
    assert evaluated(kernel, 0.1, 0.5) == []


def test_huge_folder_is_bounded(any_kernel):
    any_kernel.run("mkdir /tmp/huge && cd /tmp/huge && for i in $(seq 5000); do : > f$i; done")
    try:
        assert len(ask(any_kernel, "ls /tmp/huge/f")) == 500
        assert ask(any_kernel, "ls /tmp/huge/f499")
    finally:
        any_kernel.run("cd /; rm -rf /tmp/huge")


def test_an_engine_that_hangs_keeps_nobody_waiting(start_kernel, fragile_engine):
    engine = fragile_engine
    kernel = start_kernel(engine=engine.host, DEXEC_CONTAINER="work")
    assert kernel.run("echo hi").text() == "hi\n"
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        assert ask(kernel, "mkdi") == {}
        assert look(kernel, "mkdir") == ""
    finally:
        os.kill(engine.pid, signal.SIGCONT)
    # The question that is still open is answered some time, and the next one is asked again.
    assert until(lambda: ask(kernel, "mkdi")) == {"mkdir": "command"}


def test_without_a_shell_only_magics_and_containers(start_kernel, noshell):
    kernel = start_kernel(DEXEC_CONTAINER=noshell, **PATIENT)
    assert ask(kernel, "sl") == {}
    assert ask(kernel, "%contai") == {"%container": "magic", "%containers": "magic"}
    assert ask(kernel, f"%container {noshell[:-1]}") == {f"%container {noshell}": "container"}


def test_magics(kernel, busybox):
    assert ask(kernel, "%contai") == {"%container": "magic", "%containers": "magic"}
    assert "%%python3" in ask(kernel, "%%pyth")
    assert ask(kernel, "%%exec --work") == {"%%exec --workdir": "option"}
    assert ask(kernel, f"%%exec -c {busybox[:-1]}") == {f"%%exec -c {busybox}": "container"}
    assert ask(kernel, "%%exec -u root -- mkdi") == {"%%exec -u root -- mkdir": "command"}
    assert ask(kernel, "%%exec -- cat /etc/hostn") == {"%%exec -- cat /etc/hostname": "file"}
    assert ask(kernel, f"%container {busybox}\nmkdi") == {f"%container {busybox}\nmkdir": "command"}
    assert ask(kernel, "echo\n%contai") == {}


def test_help(any_kernel):
    assert "mkdir" in look(any_kernel, "mkdir -p /x", 3)
    assert "executable" in look(any_kernel, "/bin/mkdir -p /x", 3)
    assert "folder" in look(any_kernel, "ls /etc", 6)
    assert "builtin" in look(any_kernel, "umask")
    assert look(any_kernel, "nonexistent-command-x") == ""
    assert "usage" in look(any_kernel, "%container web", 3)
    assert "--workdir" in look(any_kernel, "%%exec -u root", 3)


def test_help_with_variables(any_kernel):
    assert "/bin" in look(any_kernel, "echo $PATH")
    assert "no value is shown" in look(any_kernel, "echo $API_TOKEN")


def test_builtin_has_its_help_in_bash(bash):
    assert "file mode mask" in look(bash, "umask 022", 2).lower()


def test_is_complete(kernel):
    def status(code):
        content = kernel.reply(kernel.client.is_complete(code))
        return content["status"], content.get("indent")

    assert status("if true; then") == ("incomplete", "  ")
    assert status("echo hi") == ("complete", None)
    assert status("fi") == ("invalid", None)
    assert status("%container") == ("complete", None)


def history(kernel, **request):
    request = {"raw": True, "output": False, "hist_access_type": "tail", **request}
    return [tuple(line) for line in kernel.reply(kernel.client.history(**request))["history"]]


def test_history_across_two_kernels(start_kernel, busybox, tmp_path):
    file = str(tmp_path / "new" / "history.sqlite")
    settings = {"DEXEC_CONTAINER": busybox, "DEXEC_HISTORY_FILE": file}
    first = start_kernel(**settings)
    for code in ("echo one", "exit 3", "exit", "echo two"):
        first.run(code)
    first.run("echo unseen", store_history=False)
    first.run("echo silent", silent=True)
    first.run("  \n")
    lines = [(1, 1, "echo one"), (1, 2, "exit 3"), (1, 3, "exit"), (1, 4, "echo two")]
    assert history(first, n=10) == lines
    assert history(first, hist_access_type="range", session=0, start=2, stop=4) == lines[1:3]
    first.client.shutdown()
    first.manager.finish_shutdown()

    second = start_kernel(**settings)
    second.run("echo one")
    assert history(second, n=2) == [lines[-1], (2, 1, "echo one")]
    assert history(second, n=100)[:4] == lines
    assert history(second, hist_access_type="range", session=-1, start=1) == lines
    search = {"hist_access_type": "search", "pattern": "echo*"}
    assert [line[2] for line in history(second, **search)] == ["echo one", "echo two", "echo one"]
    assert history(second, **search, n=1) == [(2, 1, "echo one")]
    assert [line[2] for line in history(second, **search, unique=True)] == ["echo two", "echo one"]
    assert history(second, n=1, output=True) == [(2, 1, ["echo one", None])]


def test_history_that_cannot_be_written_breaks_no_cell(start_kernel, busybox):
    kernel = start_kernel(DEXEC_CONTAINER=busybox, DEXEC_HISTORY_FILE="/proc/none/history.sqlite")
    assert kernel.run("echo hi").text() == "hi\n"
    assert history(kernel, n=5) == [(1, 1, "echo hi")]
