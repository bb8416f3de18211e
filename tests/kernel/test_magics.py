"""Line magics, and the framework of cell options, through the kernel."""

from __future__ import annotations

import pytest

from devtools import api, containers, images
from dexec_kernel.magics.catalogue import REGISTRY
from tests.waiting import until


def shown(result) -> str:
    """The text of the one display of a cell that ran no exec."""
    assert result.reply["status"] == "ok", result.reply
    [content] = result.of("display_data")
    assert content["data"]["text/html"].startswith(("<div", "<pre"))
    return content["data"]["text/plain"]


def fails(result, name: str, *said: str) -> None:
    reply = result.reply
    assert reply.get("ename") == name, reply
    text = "\n".join([reply["evalue"], *reply["traceback"]])
    for words in said:
        assert words in text


@pytest.fixture
def speaker(run_container):
    """Run a container that prints the given text, then sleeps."""

    def run(script: str, **options) -> str:
        command = ["sh", "-c", f"{script}\nexec sleep 2147483647"]
        return run_container(images.BUSYBOX, cmd=command, **options)

    return run


# --- the framework --------------------------------------------------------------------------------


def test_magics_lists_all_with_their_usage(kernel):
    text = shown(kernel.run("%magics"))
    assert all((magic.usage in text) is not magic.is_of_lab for magic in REGISTRY)
    assert "%logs [-f] [--tail N] [--since S]" in text
    assert "%%exec" in text
    assert "%%python3" in text


def test_every_magic_explains_itself(kernel):
    for magic in REGISTRY:
        text = shown(kernel.run(f"{magic.sign} --help"))
        assert text == shown(kernel.run(f"{magic.sign}?"))
        assert text.startswith(f"usage: {magic.sign}")


def test_the_exec_magic_explains_itself_and_runs_nothing(kernel):
    result = kernel.run("%%exec --help\necho no")
    assert "--workdir DIR" in shown(result)
    assert "stream" not in result.types
    assert shown(kernel.run("%%python3?\nno")).startswith("usage: %%python3 ")


#: Cells, each with the name of its error and some of the words.
WRONG = [
    ("%lgos", "UnknownMagic", ["%lgos", "Did you mean %logs?", "%logs [-f]"]),
    ("%exec -t", "UnknownMagic", ["Did you mean %%exec?"]),
    ("%%pyhton3", "UnknownMagic", ["Did you mean %%python3?"]),
    ("%%logs", "UnknownMagic", ["Did you mean %logs?"]),
    ("%zzzzzz", "UnknownMagic", ["There is no magic %zzzzzz.", "%magics lists"]),
    ("%cd /tmp", "UnknownMagic", ["There is no magic %cd.", "without the %: cd"]),
    ("%logs --tial 3", "CellSyntaxError", ["%logs", "'--tial'", "Did you mean --tail?"]),
    ("%logs --tail x", "CellSyntaxError", ["%logs", "'x' is neither a number of lines"]),
    ("%logs --since x", "CellSyntaxError", ["%logs", "'x' is neither"]),
    ("%logs web", "CellSyntaxError", ["%logs does not take 'web'"]),
    ("%container a b", "CellSyntaxError", ["%container does not take 'b'"]),
    ("%env A", "CellSyntaxError", ["%env: 'A' is not NAME=VALUE"]),
    ("%timeout soon", "CellSyntaxError", ["%timeout", "'soon'"]),
    ("# where\necho no\n%container web", "CellSyntaxError", ["%container in line 4", "Nothing"]),
    ("%%exec --usr x", "CellSyntaxError", ["%%exec", "'--usr'", "Did you mean --user?"]),
]


def test_wrong_words_are_named_and_nothing_runs(kernel):
    for code, name, said in WRONG:
        result = kernel.run(f"%timeout 5\n{code}\necho no")
        fails(result, name, *said)
        assert result.types == ["execute_input", "error"], code
        assert shown(kernel.run("%timeout")) == "Cells have no time limit.", code


def test_variables_that_cannot_be_set_are_named_and_none_is_set(kernel):
    fails(kernel.run("%env A=1 B"), "CellSyntaxError", "'B' is not NAME=VALUE", 'echo "$B"')
    fails(kernel.run("%env A=1 1B=x"), "CellSyntaxError", "'1B' cannot be the name", "no digit")
    fails(kernel.run("%env A=1 =x"), "CellSyntaxError", "'' cannot be the name of a variable")
    assert kernel.run("echo ${A-none}").text() == "none\n"


def test_magics_and_a_body(kernel, debian):
    result = kernel.run(f"%timeout 60\n# where\n%container {debian}\n\necho $LINENO")
    assert result.text() == "5\n"
    assert result.record["container"] == debian
    first, second, *_ = result.of("display_data")
    assert first["data"]["text/plain"] == "Cells are ended after 60 s."
    assert second["data"]["text/plain"].startswith(f"Cells run in {debian}")


def test_a_magic_that_fails_stops_its_cell(kernel):
    result = kernel.run("%container nowhere\n%magics\necho no")
    fails(result, "ContainerNotFound", "nowhere")
    assert result.types == ["execute_input", "error"]


def test_a_cell_may_name_its_container_and_may_fail(kernel, busybox, debian):
    result = kernel.run(f"%%exec -c {debian} --no-error\nexit 3")
    assert result.reply["status"] == "ok"
    assert (result.record["container"], result.record["exit_code"]) == (debian, 3)
    assert "error" not in result.types
    assert kernel.run("true").record["container"] == busybox
    fails(kernel.run("%%exec -c nowhere --no-error\ntrue"), "ContainerNotFound", "nowhere")


# --- the magics -----------------------------------------------------------------------------------


def test_the_last_cell_comes_again_with_its_output(bash, gate, debian):
    held = gate(debian)
    bash.run(f"%%exec -e TOKEN=s3cret\n({held.wait}; echo $TOKEN | tr s S) & echo on; exit 3")
    held.open()

    def last():
        result = bash.run("%last")
        texts = [content["data"]["text/plain"] for content in result.of("display_data")]
        return (texts[1], result) if texts[0].startswith("exit code 3") else None

    source, result = until(last)
    assert source.startswith("In [")
    assert "-e TOKEN=…" in source
    assert "s3cret" not in source
    assert result.text() == "on\nS3cret\n"
    assert "exited" in shown(bash.run("%history -n 1"))


def test_containers(kernel, busybox, run_container, host):
    stopped = run_container()
    containers.stop(host, stopped)
    lines = shown(kernel.run("%containers")).splitlines()
    assert lines[0].split() == ["name", "id", "state", "image", "status"]
    [current] = [line for line in lines if line.startswith("→")]
    assert current.split()[1] == busybox
    [other] = [line.split() for line in lines if stopped in line]
    assert other[2] == "exited"


def test_timeout_is_set_shown_and_taken_away(start_kernel, busybox):
    kernel = start_kernel(DEXEC_CONTAINER=busybox, DEXEC_TIMEOUT="7.5")
    assert shown(kernel.run("%timeout")) == "Cells are ended after 7.5 s."
    assert shown(kernel.run("%timeout 30")) == "Cells are ended after 30 s."
    assert shown(kernel.run("%timeout")) == "Cells are ended after 30 s."
    assert shown(kernel.run("%timeout off")) == "Cells have no time limit."


def test_ps_shows_the_processes_escaped(start_kernel, run_container):
    name = run_container(cmd=["sleep", "2147483647"])
    kernel = start_kernel(DEXEC_CONTAINER=name)
    kernel.run("sh -c 'sleep 60000; true' '<b>&' </dev/null >/dev/null 2>&1 &")

    def listed():
        # A shell has begun its background process before that is the program.
        [content] = kernel.run("%ps").of("display_data")
        data = content["data"]
        return (data["text/plain"], data["text/html"]) if "<b>&" in data["text/plain"] else None

    text, html = until(listed)
    assert "PID" in text.splitlines()[0]
    assert "sleep 2147483647" in text
    assert "&lt;b&gt;&amp;" in html
    assert "<b>" not in html


def test_ps_of_a_stopped_container(start_kernel, run_container, host):
    name = run_container()
    containers.stop(host, name)
    fails(start_kernel(DEXEC_CONTAINER=name).run("%ps"), "ContainerNotRunning", "docker start")


def test_status(start_kernel, kernel, busybox, host):
    line = shown(kernel.run("%status"))
    assert f"container {busybox} (running)" in line
    assert "shell not known yet · last cell: none" in line
    assert "API 1." in line
    assert host in line
    kernel.run("exit 3")
    line = shown(kernel.run("%status"))
    assert "shell sh · last cell: exit code 3" in line
    assert "\n" not in line
    nowhere = start_kernel(DEXEC_CONTAINER="nowhere")
    assert "container nowhere (not found)" in shown(nowhere.run("%status"))


def test_logs_of_both_streams(start_kernel, speaker, host):
    name = speaker("for i in 1 2 3; do echo out $i; done; echo oh >&2; sleep .3; echo 'ä€😀'")
    until(lambda: "ä€😀" in logs_of(host, name))
    kernel = start_kernel(DEXEC_CONTAINER=name)
    result = kernel.run("%logs")
    assert (result.text(), result.text("stderr")) == ("out 1\nout 2\nout 3\nä€😀\n", "oh\n")
    assert "display_data" not in result.types
    assert kernel.run("%logs --tail 1").text() == "ä€😀\n"
    assert kernel.run("%logs --tail 0").text() == ""
    assert kernel.run("%logs --since 10m").text() == result.text()
    until(lambda: kernel.run("%logs --since 0").text() == "")
    containers.stop(host, name)
    assert kernel.run("%logs -f --tail all").text() == result.text()


def test_logs_of_a_container_with_a_tty(start_kernel, speaker, host):
    name = speaker("echo out; echo oh >&2", tty=True)
    until(lambda: "oh" in logs_of(host, name))
    kernel = start_kernel(DEXEC_CONTAINER=name)
    assert kernel.run("%logs").text() == "out\r\noh\r\n"


def test_logs_are_followed_until_an_interrupt(start_kernel, speaker):
    name = speaker("i=0; while :; do echo line $i; sleep .1; i=$((i+1)); done")
    kernel = start_kernel(DEXEC_CONTAINER=name)
    last = int(kernel.run("%logs --tail 1").text().split()[1]) + 15

    # The log would go on for ever.
    word = f"line {last}\n"
    result = kernel.run("%logs -f --tail 1\necho no", at=kernel.interrupt_at(word))
    fails(result, "KeyboardInterrupt", "interrupted")
    assert "no\n" not in result.text()
    assert len(result.of("stream")) > 10
    assert kernel.run("echo on").text() == "on\n"


def test_a_silent_log_that_is_followed_ends_at_an_interrupt_and_at_a_shutdown(
    start_kernel, busybox
):
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    request = kernel.send("%logs -f")
    kernel.busy(request)
    kernel.interrupt()
    fails(kernel.collect(request), "KeyboardInterrupt")
    kernel.busy(kernel.send("%logs -f"))
    kernel.manager.shutdown_kernel()
    assert not kernel.manager.is_alive()


def test_a_long_log_is_bounded(start_kernel, speaker, host):
    name = speaker("yes 'a \"line\" of the log'$(printf %0200d 0) | head -n 14000; echo end")
    until(lambda: "end" in logs_of(host, name, tail="1"))
    kernel = start_kernel(DEXEC_CONTAINER=name)
    assert kernel.run("%logs").text().count("\n") == 1000
    result = kernel.run("%logs --tail all")
    assert 1_000_000 < len(result.text()) < 2 * 1024 * 1024
    assert "stops here, after 2 MiB" in result.text("stderr")


def logs_of(host: str, name: str, tail: str = "all") -> str:
    query = {"stdout": "1", "stderr": "1", "tail": tail}
    return api.call(host, "GET", f"/containers/{name}/logs", query=query).decode(errors="replace")
