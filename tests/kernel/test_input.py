"""Programs that read their stdin, in real containers, answered as a front end answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kernel.conftest import Kernel, Result
from tests.waiting import GUARD

PLACES = ["kernel", "bash"]
#: Java programs do it so: their main thread is not the process's first.
_IN_A_THREAD = """import threading
thread = threading.Thread(target=lambda: print(2 * input()))
thread.start()
thread.join()"""
each_place = pytest.mark.parametrize("place", PLACES)


@pytest.fixture
def run(request: pytest.FixtureRequest, place: str) -> Kernel:
    """A kernel in a container with busybox, or with Debian's bash, dash and Python."""
    return request.getfixturevalue(place)


def asked(kernel: Kernel) -> dict[str, Any]:
    """Wait for an ``input_request``."""
    message = kernel.client.get_stdin_msg(timeout=GUARD)
    assert message["msg_type"] == "input_request"
    return message


def answer(kernel: Kernel, code: str, *lines: str) -> tuple[Result, list[dict[str, Any]]]:
    """Run a cell that asks once for each line; return its questions as well."""
    request = kernel.send(code, allow_stdin=True)
    questions = []
    for line in lines:
        questions.append(message := asked(kernel))
        assert message["parent_header"]["msg_id"] == request
        kernel.client.input(line)
    return kernel.collect(request), [message["content"] for message in questions]


def asking(kernel: Kernel, *codes: str) -> list[str]:
    """Run the cells; return those that have asked: the first question of all is another cell's."""
    requests = {}
    for code in codes:
        requests[request := kernel.send(code, allow_stdin=True)] = code
        assert kernel.collect(request).reply["status"] == "ok", code
    last = kernel.send("read a", allow_stdin=True)
    found = []
    while (asker := asked(kernel)["parent_header"]["msg_id"]) != last:
        found.append(requests[asker])
    kernel.client.input("")
    kernel.collect(last)
    return found


@each_place
def test_read_several_in_a_row(run):
    code = "printf 'Name: '; read a; printf 'Age: '; read b; read -r c; echo \"[$a|$b|$c]\""
    result, questions = answer(run, code, "Ada L", "36", "é'\"\\\\")
    assert result.text() == "Name: Age: [Ada L|36|é'\"\\\\]\n"
    assert [q["prompt"] for q in questions] == ["Name: ", "Age: ", ""]
    assert not any(q["password"] for q in questions)


@each_place
def test_variables_that_were_read_are_there_in_the_next_cell(run):
    answer(run, "read a", "kept")
    assert run.run("echo $a").text() == "kept\n"


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_read_in_a_shell_of_its_own(bash, shell):
    result, _ = answer(bash, f"{shell} -c 'read a; echo got $a'", "it")
    assert result.text() == "got it\n"


@each_place
def test_cat_until_the_end_of_file(run):
    result, _ = answer(run, "cat; echo done", "one", "two", "\x04")
    assert result.text() == "one\ntwo\ndone\n"


@each_place
def test_a_password(run):
    code = "printf '[sudo] password for me: '; read p; echo ${#p}"
    result, [question] = answer(run, code, "secret!")
    assert question == {"prompt": "[sudo] password for me: ", "password": True}
    assert result.text().endswith(": 7\n")


@pytest.mark.parametrize(
    ("code", "prompt", "password"),
    [
        ("print(2 * input('Number: '))", "Number: ", False),
        ("import sys; print(2 * sys.stdin.readline().strip())", "", False),
        ("import select, sys; select.select([sys.stdin], [], []); print(2 * input())", "", False),
        ("import getpass; print(2 * getpass.getpass())", "Password: ", True),
        (_IN_A_THREAD, "", False),
    ],
)
def test_python(bash, code, prompt, password):
    result, [question] = answer(bash, f'python3 -c "{code}"', "42")
    assert "4242\n" in result.text(), result.text("stderr")
    assert question == {"prompt": prompt, "password": password}


#: The first look comes after half a second of silence, and there are two and more of them.
SILENT = (
    "sleep 2",
    "sleep 2 | cat",
    "i=0; while [ $i -lt 10 ]; do echo $i; sleep 0.2; i=$((i + 1)); done",
    "(sleep 2; echo x) | while read a; do echo $a; done",
    "sleep 2 & wait",
    "cat </dev/null; cat </etc/passwd >/dev/null; sleep 1",
    "end=$(($(date +%s) + 2)); while [ $(date +%s) -lt $end ]; do :; done",
    "%%exec -t\nsleep 2",
    "%%exec -t\nsleep 2 | cat",
    "%%exec -- cat\nthe body",
)
SILENT_PYTHON = (
    "import time; time.sleep(2)",
    "import asyncio; asyncio.run(asyncio.sleep(2))",
    "import select, os; r, w = os.pipe(); select.select([r], [], [], 2)",
    "import select, os; r, w = os.pipe(); p = select.poll(); p.register(r); p.poll(2000)",
    "import subprocess; subprocess.run(['sleep', '2'])",
)


@each_place
def test_what_reads_nothing_never_asks(run):
    assert asking(run, *SILENT) == []


def test_a_python_that_waits_for_something_else_never_asks(bash):
    assert asking(bash, *(f'python3 -c "{code}"' for code in SILENT_PYTHON)) == []


@each_place
@pytest.mark.parametrize("head", ["", "%%exec -t\n"])
def test_interrupt_while_it_waits(run, gone, request, place, head):
    cell = run.send(f"{head}read a; echo no", allow_stdin=True)
    asked(run)
    run.interrupt()
    result = run.collect(cell)
    assert result.reply["ename"] == "KeyboardInterrupt", result.reply
    assert gone(request.getfixturevalue({"kernel": "busybox", "bash": "debian"}[place])) == []
    # The late answer belongs to nobody, and the next cell does not get it.
    run.client.input("late")
    result, _ = answer(run, "read a; echo [$a]", "mine")
    assert result.text() == "[mine]\n"


def test_a_cell_that_ends_meanwhile_drops_its_question(kernel, gate, busybox):
    held = gate(busybox)
    reader = "exec 3<&0; sh -c 'read a' <&3 & reader=$!"
    cell = kernel.send(f"{reader}; {held.wait}; kill $reader; echo over", allow_stdin=True)
    asked(kernel)
    held.open()
    assert "over\n" in kernel.collect(cell).text()


@each_place
@pytest.mark.parametrize("head", ["", "%%exec -i\n"])
def test_a_front_end_that_does_not_allow_it(run, head):
    result = run.run(f"{head}cat; read a || echo end", allow_stdin=False)
    assert result.text() == "end\n"


@each_place
def test_a_terminal(run):
    code = "%%exec -t\nprintf 'Name: '; read a; printf 'Password: '; read p; echo \"[$a $p]\""
    result, questions = answer(run, code, "Ada", "x")
    # The terminal shows typed text.
    assert result.text().replace("\r", "") == "Name: Ada\nPassword: x\n[Ada x]\n"
    assert questions == [
        {"prompt": "Name: ", "password": False},
        {"prompt": "Password: ", "password": True},
    ]


@each_place
def test_a_terminal_without_echo(run):
    result, [question] = answer(run, "%%exec -t\nread -s -p 'Say: ' a; echo \"[$a]\"", "it")
    assert result.text().replace("\r", "").replace("\n", "") == "Say: [it]"
    assert question == {"prompt": "Say: ", "password": True}


def test_python_in_a_terminal(bash):
    code = (
        "%%exec -t\npython3 -c 'import getpass; x = input(\"X: \"); print(x + getpass.getpass())'"
    )
    result, questions = answer(bash, code, "a", "b")
    assert result.text().replace("\r", "") == "X: a\nPassword: \nab\n"
    assert questions == [
        {"prompt": "X: ", "password": False},
        {"prompt": "Password: ", "password": True},
    ]


@each_place
def test_end_of_file_in_a_terminal(run):
    result, _ = answer(run, "%%exec -t\ncat; echo done", "one", "\x04")
    assert result.text().replace("\r", "") == "one\none\ndone\n"


def test_forced_where_nobody_can_look(start_kernel, noshell):
    kernel = start_kernel(DEXEC_CONTAINER=noshell)
    result, _ = answer(kernel, "%%exec -i\ncat", "one", "\x04")
    assert result.text() == "one\n"
    assert kernel.run("cat", allow_stdin=True).text() == ""


def test_forced_for_a_process_of_another_user(bash):
    code = "python3 -c 'import os; os.setuid(1000); print(input())'"
    result, _ = answer(bash, f"%%exec -i\n{code}", "x")
    assert result.text() == "x\n"


def test_an_ordinary_user(bash):
    result, _ = answer(bash, "%%exec -u 1000\nread a; echo $a", "x")
    assert result.text() == "x\n"


def test_end_of_file_by_the_bars_button(bash):
    cell = bash.send("cat; echo done", allow_stdin=True)
    asked(bash)
    buttons: list[str] = []

    def press(message: dict[str, Any]) -> None:
        content = message["content"]
        state = content.get("data", {}).get("state", {})
        if message["msg_type"] == "comm_open" and state.get("description") == "EOF":
            buttons.append(content["comm_id"])
            click = {"method": "custom", "content": {"event": "click"}}
            bash.client.shell_channel.send(
                bash.client.session.msg("comm_msg", {"comm_id": content["comm_id"], "data": click})
            )

    assert bash.collect(cell, at=press).text() == "done\n"
    assert len(buttons) == 1


def test_a_stale_answer_is_dropped(bash):
    cell = bash.send("read a; echo [$a]", allow_stdin=True)
    message = asked(bash)
    send = bash.client.stdin_channel.send
    new = bash.client.session.msg
    send(new("input_reply", {"value": "stale"}, parent={"msg_id": "another"}))
    send(new("input_reply", {"value": "right"}, parent=message["header"]))
    assert bash.collect(cell).text() == "[right]\n"


@each_place
def test_the_prompts_of_read(run):
    code = "read -p 'Name: ' a; read -s -p 'Word: ' b; echo \"$a $b\""
    result, questions = answer(run, code, "Ada", "x")
    assert result.text() == "Ada x\n"
    assert questions == [
        {"prompt": "Name: ", "password": False},
        {"prompt": "Word: ", "password": True},
    ]


def test_a_shutdown_while_it_waits(kernel, gone, busybox):
    kernel.send("trap '' INT; cat", allow_stdin=True)
    asked(kernel)
    kernel.manager.shutdown_kernel()
    assert gone(busybox) == []
