"""``%attach`` through the kernel."""

from __future__ import annotations

import queue
import time

import pytest

from devtools import containers, images
from dexec_kernel.magics import attach, streaming

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
    seen: list[float] = []

    def interrupt_after_five(message) -> None:
        if message["msg_type"] == "stream":
            seen.append(time.monotonic())
            if len(seen) == 5:
                kernel.interrupt()

    result = kernel.run("%attach\necho no", at=interrupt_after_five)
    assert time.monotonic() - seen[4] < 1
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert " é\n" in result.text()
    assert "no\n" not in result.text()
    assert is_running(host, name)
    again = kernel.run("cat /proc/1/cmdline | tr '\\0' ' '")
    assert "INT" in again.text()
    assert "INT\n" not in kernel.run("%logs").text()


@pytest.mark.parametrize("tty", [False, True])
def test_a_line_is_sent_and_answered(start_kernel, run, busybox, host, tty):
    name = run(READER, open_stdin=True, tty=tty)
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    for words in ("hello there", "ü"):
        result = kernel.run(f"%attach {name} --send '{words}'")
        assert result.reply["status"] == "ok"
        assert f"got {words}" in result.text()
    assert is_running(host, name)
    assert "EOF" not in kernel.run(f"%container {name}\n%logs").text()


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

    def interrupt(message) -> None:
        if message["msg_type"] == "stream" and "tick" in message["content"]["text"]:
            kernel.interrupt()

    result = kernel.run("%attach", at=interrupt)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert "StdinOnce" in result.text("stderr")
    assert "tick" in result.text()
    time.sleep(0.3)
    assert "EOF" not in kernel.run("%logs").text()


def test_a_process_without_stdin_is_sent_nothing(kernel):
    result = kernel.run("%attach --send hello")
    assert result.reply["ename"] == "ConfigurationError"
    assert "docker run -i" in result.reply["evalue"]


def test_a_process_that_never_stops_talking_is_left(start_kernel, run):
    name = run(CLOCK, open_stdin=True)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    begun = time.monotonic()
    result = kernel.run("%attach --send x")
    assert attach.MOMENT <= time.monotonic() - begun < attach.MOMENT + 2
    assert "%attach leaves after 10 s" in result.text("stderr")


def test_the_end_of_the_process_is_told(start_kernel, run, host):
    name = run(READER.replace("EOF; exec sleep 2147483647", "bye"), open_stdin=True)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    request = kernel.send("%attach")
    time.sleep(0.5)
    containers.kill(host, name)
    result = kernel.collect(request)
    assert result.reply["status"] == "ok"
    assert f"The main process of {name} has ended." in result.text("stderr")
    stopped = kernel.run("%attach")
    assert stopped.reply["ename"] == "ContainerNotRunning"


def lines(kernel, request, *answers: str) -> list[dict]:
    """Answer the questions of a cell; return them."""
    questions = []
    for line in answers:
        message = kernel.client.get_stdin_msg(timeout=10)
        assert message["parent_header"]["msg_id"] == request
        questions.append(message["content"])
        kernel.client.input(line)
    return questions


@pytest.mark.parametrize("tty", [False, True])
def test_lines_are_asked_for_while_output_goes_on(start_kernel, run, host, tty):
    name = run(f"({CLOCK}) & {READER}", open_stdin=True, tty=tty)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    request = kernel.send("%attach", allow_stdin=True)
    questions = lines(kernel, request, "hello there", "ü")
    kernel.client.get_stdin_msg(timeout=10)  # It stays open, and nobody answers.
    seen: list[str] = []

    def interrupt(message) -> None:
        was_answered = "got ü" in "".join(seen)
        seen.append(message["content"].get("text", ""))
        # Once: another interrupt might come too late, and be the next cell's.
        if not was_answered and "got ü" in "".join(seen):
            kernel.interrupt()

    result = kernel.collect(request, at=interrupt)
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
    with pytest.raises(queue.Empty):
        kernel.client.get_stdin_msg(timeout=0.5)
    assert is_running(host, name)
    containers.kill(host, name)
    result = kernel.collect(request)
    assert result.reply["status"] == "ok"
    assert "<\"é'>" in result.text()
    assert f"The main process of {name} has ended." in result.text("stderr")


@pytest.mark.parametrize("options", [{}, {"open_stdin": True, "stdin_once": True}])
def test_nothing_is_asked_where_no_line_can_be_sent(start_kernel, run, options):
    name = run(CLOCK, **options)
    kernel = start_kernel(DEXEC_CONTAINER=name)

    def interrupt(message) -> None:
        if "tick" in message["content"].get("text", ""):
            kernel.interrupt()

    kernel.run("%attach", at=interrupt, allow_stdin=True)
    with pytest.raises(queue.Empty):
        kernel.client.get_stdin_msg(timeout=0.1)


def test_a_flood_is_bounded_and_goes_on(start_kernel, run, host):
    name = run("read -r x; yes 'a line'", open_stdin=True)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    result = kernel.run("%attach --send x")
    assert streaming.LIMIT / 2 < len(result.text()) < streaming.LIMIT
    assert "%attach stops here, after 2 MiB; the process goes on." in result.text("stderr")
    assert is_running(host, name)


def test_no_such_container(kernel):
    assert kernel.run("%attach nowhere").reply["ename"] == "ContainerNotFound"
