"""``%attach`` through the kernel."""

from __future__ import annotations

import json

import pytest

from devtools import containers, images
from dexec_kernel.magics import attach, streaming
from tests.waiting import until

READER = 'while read -r x; do echo "got $x"; done; echo EOF; exec sleep 2147483647'
CLOCK = "i=0; while sleep .1; do echo tick $i é; i=$((i + 1)); done"


@pytest.fixture
def run(run_container):
    """Run a container with a script as its main process."""

    def start(script: str, **options) -> str:
        return run_container(images.BUSYBOX, cmd=["sh", "-c", script], **options)

    return start


def is_running(host: str, name: str) -> bool:
    return containers.inspect(host, name)["State"]["Status"] == "running"


def test_output_is_live_until_an_interrupt_which_the_process_does_not_notice(
    start_kernel, run, host
):
    name = run(f"trap 'echo INT' INT; {CLOCK}")
    kernel = start_kernel(DEXEC_CONTAINER=name)
    printed: list[str] = []

    def interrupt_after_five(message) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])
            if len(printed) == 5:
                kernel.interrupt()

    # The process prints for ever: without the interrupt this would not end.
    result = kernel.run("%attach\necho no", at=interrupt_after_five)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert " é\n" in result.text()
    assert "no\n" not in result.text()
    assert is_running(host, name)
    again = kernel.run("cat /proc/1/cmdline | tr '\\0' ' '")
    assert "INT" in again.text()
    assert "INT\n" not in kernel.run("%logs").text()


@pytest.mark.parametrize("tty", [False, True])
def test_a_line_is_sent(start_kernel, run, busybox, host, tty):
    name = run(READER, open_stdin=True, tty=tty)
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    for words in ("hello there", "ü"):
        result = kernel.run(f"%attach {name} --send '{words}'")
        assert result.reply["status"] == "ok"
        until(lambda: f"got {words}" in kernel.run(f"%container {name}\n%logs").text())  # noqa: B023 -- called at once
    assert is_running(host, name)
    assert "EOF" not in kernel.run("%logs").text()


def test_a_line_that_would_be_the_last_is_not_sent(start_kernel, run, host):
    name = run(READER, open_stdin=True, stdin_once=True)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    result = kernel.run("%attach --send hello")
    assert result.reply["ename"] == "ConfigurationError"
    assert "StdinOnce" in result.reply["evalue"]
    assert kernel.run("%logs").text() == ""


def test_a_stdin_that_would_be_closed_is_left_alone(start_kernel, run, host):
    name = run(f"({CLOCK}) & {READER}", open_stdin=True, stdin_once=True)
    kernel = start_kernel(DEXEC_CONTAINER=name)

    result = kernel.run("%attach", at=kernel.interrupt_at("tick"))
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert "StdinOnce" in result.text("stderr")
    assert "tick" in result.text()

    # The process has gone on for a while, and has met no end of its stdin.
    ticks = kernel.run("%logs").text().count("tick")
    until(lambda: kernel.run("%logs").text().count("tick") > ticks + 10)
    assert "EOF" not in kernel.run("%logs").text()


def test_a_process_without_stdin_is_sent_nothing(kernel):
    result = kernel.run("%attach --send hello")
    assert result.reply["ename"] == "ConfigurationError"
    assert "docker run -i" in result.reply["evalue"]


def test_a_process_that_never_stops_talking_is_left_after_its_answer(start_kernel, run):
    name = run(f"({CLOCK}) & {READER}", open_stdin=True)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    result = kernel.run("%attach --send x")
    assert f"%attach leaves after {attach.MOMENT:g} s" in result.text("stderr")
    assert "got x" in result.text()


def test_the_end_of_the_process_is_told(start_kernel, run, host):
    name = run(CLOCK, open_stdin=True)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    killed: list[bool] = []

    def kill(message) -> None:
        if message["msg_type"] == "stream" and not killed:
            containers.kill(host, name)
            killed.append(True)

    result = kernel.run("%attach", at=kill)
    assert result.reply["status"] == "ok"
    assert f"The main process of {name} has ended." in result.text("stderr")
    stopped = kernel.run("%attach")
    assert stopped.reply["ename"] == "ContainerNotRunning"


def lines(kernel, request, *answers: str) -> list[dict]:
    """Answer the questions of a cell; return them."""
    questions = []
    for line in answers:
        questions.append(kernel.asked(request))
        kernel.client.input(line)
    return questions


@pytest.mark.parametrize("tty", [False, True])
def test_lines_are_asked_for_while_output_goes_on(start_kernel, run, host, tty):
    name = run(f"({CLOCK}) & {READER}", open_stdin=True, tty=tty)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    request = kernel.send("%attach", allow_stdin=True)
    questions = lines(kernel, request, "hello there", "ü")
    kernel.asked(request)  # It stays open, and nobody answers.
    result = kernel.collect(request, at=kernel.interrupt_at("got ü"))
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert "got hello there" in result.text()
    assert "tick" in result.text().partition("got hello there")[2]
    assert questions[0] == {"prompt": f"a line for {name}: ", "password": False}
    assert is_running(host, name)
    log = kernel.run("%logs").text()
    assert "got ü" in log
    assert "EOF" not in log


def test_the_prompt_is_the_programs_and_the_end_of_file_is_ours(start_kernel, run, host):
    script = "for i in 1 2; do printf 'Password: '; read -r x; echo \"<$x>\"; done"
    name = run(f"read -r x; {script}; {CLOCK}", open_stdin=True)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    request = kernel.send("%attach", allow_stdin=True)
    questions = lines(kernel, request, "go", "\"é'", "\x04")
    secret = {"prompt": "Password: ", "password": True}
    assert questions[1:] == [secret, secret]
    # The stdin is still open: the program gets its second word from elsewhere.
    containers.run(host, name, ["sh", "-c", "echo back >/proc/1/fd/0"])
    killed: list[bool] = []

    def kill(message) -> None:
        if "tick" in message["content"].get("text", "") and not killed:
            containers.kill(host, name)
            killed.append(True)

    result = kernel.collect(request, at=kill)
    assert result.reply["status"] == "ok"
    assert "<\"é'>" in result.text()
    assert "<back>" in result.text()
    assert "<>" not in result.text()
    assert f"The main process of {name} has ended." in result.text("stderr")
    assert kernel.asks_nothing()


@pytest.mark.parametrize("options", [{}, {"open_stdin": True, "stdin_once": True}])
def test_nothing_is_asked_where_no_line_can_be_sent(start_kernel, run, options):
    name = run(CLOCK, **options)
    kernel = start_kernel(DEXEC_CONTAINER=name)

    kernel.run("%attach", at=kernel.interrupt_at("tick"), allow_stdin=True)
    assert kernel.asks_nothing()


def test_a_flood_is_bounded_and_goes_on(start_kernel, run, host):
    name = run("read -r x; yes 'a line'", open_stdin=True)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    result = kernel.run("%attach --send x")
    assert 0.9 * streaming.LIMIT < len(json.dumps(result.text())) <= streaming.LIMIT
    assert "%attach stops here, after 2 MiB; the process goes on." in result.text("stderr")
    assert is_running(host, name)


def test_no_such_container(kernel):
    assert kernel.run("%attach nowhere").reply["ename"] == "ContainerNotFound"
