"""Replies, counters and the order of messages, as the messaging spec has them."""

from __future__ import annotations

import hashlib

MIB = 1024 * 1024


def test_a_cell_that_succeeds(kernel, busybox):
    result = kernel.run("echo hi; echo oops >&2")
    assert result.reply["status"] == "ok"
    assert result.reply["execution_count"] == 1
    assert result.reply["payload"] == []
    assert result.reply["user_expressions"] == {}
    assert result.text() == "hi\n"
    assert result.text("stderr") == "oops\n"
    assert result.types[0] == "execute_input"
    assert result.record["exit_code"] == 0
    assert result.record["container"] == busybox


def test_a_cell_that_fails(kernel):
    result = kernel.run("echo before; exit 3")
    assert result.text() == "before\n"
    assert result.reply["status"] == "error"
    assert result.reply["ename"] == "CommandFailed"
    assert result.reply["evalue"] == "exit code 3"
    [error] = result.of("error")
    assert (error["ename"], error["evalue"]) == ("CommandFailed", "exit code 3")
    assert error["traceback"] == result.reply["traceback"]
    assert result.record["exit_code"] == 3


def test_the_bar_is_the_first_output_and_ends_as_static_html(kernel):
    result = kernel.run("echo one; sleep 0.4; echo two")
    bar, *rest = result.outputs
    assert set(bar["data"]) >= {"text/html", "text/plain"}
    assert "exit code 0" in bar["data"]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" not in bar["data"]
    assert "".join(part["text"] for part in rest) == "one\ntwo\n"


def test_the_first_output_does_not_wait_for_the_end(kernel, gate, busybox):
    held = gate(busybox)

    def open_it(message):
        if message["msg_type"] == "stream" and message["content"]["text"] == "first\n":
            held.open()

    # The cell goes on when its first output has come, and not before.
    assert kernel.run(f"echo first; {held.wait}; echo last", at=open_it).text() == "first\nlast\n"


def test_empty_cells_and_comments_run_nothing_or_nothing_visible(kernel):
    assert kernel.run("").types == ["execute_input"]
    assert kernel.run("  \n\n").types == ["execute_input"]
    assert kernel.run("# only a remark").reply["status"] == "ok"


def test_a_silent_cell_runs_and_says_nothing(kernel, host, busybox):
    result = kernel.run("touch /tmp/silent; echo hi; exit 4", silent=True)
    assert result.messages == []
    assert result.reply["status"] == "error"
    assert kernel.run("ls /tmp/silent && rm /tmp/silent").reply["status"] == "ok"


def test_only_stored_cells_are_counted(start_kernel, busybox):
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    counts = [
        kernel.run("true").reply["execution_count"],
        kernel.run("true", store_history=False).reply["execution_count"],
        kernel.run("true", silent=True).reply["execution_count"],
        kernel.run("false").reply["execution_count"],
        kernel.run("true").reply["execution_count"],
    ]
    assert counts == [1, 2, 2, 2, 3]


def test_execute_input_carries_the_number_of_the_reply(kernel):
    for _ in range(2):
        result = kernel.run("true")
        [echo] = result.of("execute_input")
        assert echo["execution_count"] == result.reply["execution_count"]
        assert echo["code"] == "true"


def test_a_failure_aborts_what_is_queued(kernel, gate, busybox):
    held = gate(busybox)
    requests = [kernel.send(code) for code in (f"{held.wait}; false", "echo a", "echo b")]
    kernel.turn()  # Now they have arrived.
    held.open()
    replies = [kernel.reply(request) for request in requests]
    assert [reply["status"] for reply in replies] == ["error", "aborted", "aborted"]
    assert kernel.run("echo again").text() == "again\n"


def test_a_failure_aborts_nothing_when_told_not_to(kernel, gate, busybox):
    held = gate(busybox)
    first = kernel.send(f"{held.wait}; false", stop_on_error=False)
    second = kernel.send("echo next")
    kernel.turn()
    held.open()
    assert kernel.reply(first)["status"] == "error"
    assert kernel.reply(second)["status"] == "ok"


def test_queued_cells_keep_their_own_output(kernel):
    requests = [kernel.send(f"echo start {n}; sleep 0.1; echo end {n}") for n in range(4)]
    for n, request in enumerate(requests):
        assert kernel.collect(request).text() == f"start {n}\nend {n}\n"


def test_a_comm_message_in_mid_cell_does_not_take_the_output_away(kernel, gate, busybox):
    held = gate(busybox)
    request = kernel.send(f"echo 1; {held.wait}; echo 2")
    kernel.busy(request)
    text: list[str] = []

    def take(message):
        if message["parent_header"].get("msg_id") == request:
            text.append(message["content"].get("text", ""))

    for kind in ("comm_info_request", "kernel_info_request"):
        kernel.client.shell_channel.send(kernel.client.session.msg(kind, {}))
    kernel.refuse_comm("unknown", take)
    held.open()
    assert "".join(text) + kernel.collect(request).text() == "1\n2\n"


def test_a_long_cell_is_not_cut(kernel):
    lines = 4000
    code = "n=0\n" + "n=$((n + 1)) # a comment that makes the cell longer\n" * lines + "echo $n"
    assert len(code) > 200_000
    assert kernel.run(code).text() == f"{lines}\n"


def test_a_cell_is_a_process_of_its_own_without_stdin(kernel):
    code = "echo $$; cat"
    first, second = (kernel.run(code, allow_stdin=False) for _ in range(2))
    assert first.text() != second.text()
    assert first.record["pid"] != second.record["pid"]


def test_a_megabyte_of_mixed_output_is_whole_and_in_order(bash):
    script = (
        "import sys, hashlib\n"
        "sums = {1: hashlib.sha256(), 2: hashlib.sha256()}\n"
        "n = 0\n"
        "import os\n"
        "while n < 1500000:\n"
        "    for fd, size in ((1, 3000), (2, 700), (1, 20000), (2, 9000)):\n"
        "        data = (f'{n:09d} é€𝄞 ' * (size // 16) + '\\n').encode()\n"
        "        os.write(fd, data); sums[fd].update(data); n += len(data)\n"
        "print()\n"
        "print(sums[1].hexdigest(), sums[2].hexdigest(), n)\n"
    )
    result = bash.run(f"python3 - <<'END'\n{script}END")
    body, _, last = result.text().rstrip("\n").rpartition("\n\n")
    stdout = body + "\n"
    sums = [hashlib.sha256(text.encode()).hexdigest() for text in (stdout, result.text("stderr"))]
    assert [*sums, str(len((stdout + result.text("stderr")).encode()))] == last.split()
    numbers = [int(line.split(" ", 1)[0]) for line in stdout.splitlines()]
    assert len(numbers) > 50
    assert numbers == sorted(numbers)


def test_what_is_not_plain_text_comes_out_right(bash):
    code = r"""printf 'a\0b\n'; printf '\303'; sleep 0.1; printf '\251\n'; printf 'x\377y\n'
printf '10%%\r20%%\r\n'; printf '\033[31mred\033[0m\n'"""
    assert bash.run(code).text() == "a\0b\né\nx\ufffdy\n10%\r20%\r\n\x1b[31mred\x1b[0m\n"


def test_twenty_megabytes_arrive_whole(start_kernel, debian):
    """In few messages: a client that is busy elsewhere loses none of them."""
    kernel = start_kernel(DEXEC_CONTAINER=debian, DEXEC_OUTPUT_LIMIT="0")
    result = kernel.run("head -c 20000000 /dev/zero | tr '\\0' 'x' | fold -w 99")
    assert len(result.text().replace("\n", "")) == 20_000_000
    assert len(result.of("stream")) < 1000
    assert result.record["output_bytes"] > 20 * MIB * 0.95
