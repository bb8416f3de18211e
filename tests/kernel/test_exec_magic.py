"""Cell options and commands that get the cell on their stdin, in real containers."""

from __future__ import annotations

import hashlib

import pytest


@pytest.mark.parametrize("place", ["kernel", "bash"])
def test_options_combine(request, place):
    run = request.getfixturevalue(place).run
    result = run(
        "%%exec -u 1000:1000 -w /tmp -e 'A=1 2' -e B=é --timeout 50 -t\n"
        'id -u; pwd; echo "$A$B"; test -t 1 && echo tty'
    )
    assert result.reply["status"] == "ok", result.reply
    assert result.text().replace("\r", "") == "1000\n/tmp\n1 2é\ntty\n"
    assert (result.record["user"], result.record["cwd"]) == ("1000:1000", "/tmp")


def test_a_terminal_has_its_kind_after_a_cell_without_one(bash):
    bash.run("export A=1")
    assert bash.run('%%exec -t\necho "$TERM"').text().strip() == "xterm"
    bash.run("export TERM=vt100")
    assert bash.run('%%exec -t\necho "$TERM"').text().strip() == "vt100"


def test_options_are_for_one_cell(kernel):
    kernel.run("%%exec -u 1000 -w /tmp -e A=1\ntrue")
    assert kernel.run("id -u; pwd; echo [$A]").text() == "0\n/\n[]\n"


def test_the_body_is_the_stdin_of_a_command_byte_for_byte(bash):
    body = "é\t'\"\\$(no)`\n\n%container x\n" + 300_000 * "x" + "\n" + 3000 * "line\r\n" + "no end"
    digest = hashlib.sha256(body.encode()).hexdigest()
    result = bash.run(f"%%exec -- sha256sum\n{body}")
    assert result.text().split()[0] == digest, result.reply
    assert bash.run("%%exec -- wc -c").text() == "0\n"


@pytest.mark.parametrize(
    ("head", "body", "printed"),
    [
        ("%%python3", "import sys\nprint(sys.argv, 6 * 7)", "['-'] 42\n"),
        ("%%python3 -B a --b", "import sys\nprint(sys.argv)", "['-', 'a', '--b']\n"),
        ("%%python3 -u 1000 --", "import os\nprint(os.getuid())", "1000\n"),
        ("%%python3 -c 'print(input())'", "data", "data\n"),
        ("%%bash a b", 'echo "$1$2" ${BASH_VERSION:+bash}', "ab bash\n"),
        ("%%bash -eu", "false\necho no", ""),
        ("%%sh", "echo $((6 * 7))", "42\n"),
    ],
)
def test_short_forms_run_the_program(bash, head, body, printed):
    result = bash.run(f"{head}\n{body}")
    assert result.text() == printed, result.text("stderr")


def test_a_command_that_fails_and_one_that_is_not_there(bash):
    reply = bash.run("%%python3\nraise SystemExit(7)").reply
    assert (reply["ename"], reply["evalue"]) == ("CommandFailed", "exit code 7")
    assert bash.run("%%exec --no-error -- false").reply["status"] == "ok"
    reply = bash.run("%%exec -- nonesuch").reply
    assert reply["status"] == "error"


def test_a_command_in_an_image_without_a_shell(start_kernel, noshell):
    kernel = start_kernel(DEXEC_CONTAINER=noshell)
    assert kernel.run("%%exec -- cat\none\ntwo").text() == "one\ntwo"


@pytest.mark.parametrize("setting", ["%timeout 0.5\n\n", "%%exec --timeout 0.5\n"])
def test_time_limits(kernel, gone, busybox, setting):
    result = kernel.run(f"{setting}sleep 60000")
    assert result.reply["ename"] == "CellTimeout", result.reply
    assert gone(busybox) == []


def test_no_limit_for_one_cell(kernel):
    assert kernel.run("%timeout 0.5").reply["status"] == "ok"
    assert kernel.run("%%exec --timeout off\nsleep 1; echo done").text() == "done\n"
