"""Long output: the part in the notebook, the counted rest, the log, the memory."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from dexec_kernel.cells.output.pace import MAX_BYTES, WINDOW
from tests.waiting import until

MIB = 1024 * 1024
LIMIT = 2 * MIB
NOTICE = re.compile(
    r"\[([\d,]+) bytes, ([\d,]+) lines left out; (the whole output is|the beginning is|there is)"
    r" (?:in )?(.*)\]\n"
)


@pytest.fixture(autouse=True)
def runtime_dir(tmp_path, monkeypatch):
    """A place for logs that no other kernel uses."""
    path = tmp_path / "runtime"
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(path))
    return path


def json_size(text):
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def notice(result):
    """Return the words of the line between head and tail: bytes, lines, and the rest."""
    [found] = NOTICE.finditer(result.text("stderr"))
    return int(found[1].replace(",", "")), int(found[2].replace(",", "")), found[4]


def rss(kernel):
    """Return the kernel's resident memory, in bytes."""
    status = Path(f"/proc/{kernel.manager.provisioner.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def peak(kernel):
    """Return the most that the kernel's resident memory has been, in bytes."""
    status = Path(f"/proc/{kernel.manager.provisioner.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def test_output_within_the_limit_is_whole_and_has_no_log(bash):
    result = bash.run("seq 200000")
    assert result.text() == "".join(f"{n}\n" for n in range(1, 200_001))
    assert result.record["log"] is None
    assert "left out" not in result.outputs[0]["data"]["text/plain"]


def test_head_and_tail_with_the_count_between_them(bash):
    result = bash.run("seq 1000000")
    whole = "".join(f"{n}\n" for n in range(1, 1_000_001))
    size, lines, path = notice(result)
    outputs = [o for o in result.outputs if o["kind"] == "stream"]
    place = next(n for n, output in enumerate(outputs) if output["name"] == "stderr")
    head = "".join(output["text"] for output in outputs[:place])
    tail = "".join(output["text"] for output in outputs[place + 1 :])
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert len(head) + size + len(tail) == len(whole)
    assert head.count("\n") + lines + tail.count("\n") == 1_000_000
    assert head.endswith("\n")
    assert 1.8 * MIB < json_size(result.text()) + json_size(result.text("stderr")) <= LIMIT
    assert result.record["log"] == path
    assert Path(path).read_text() == whole
    assert path in result.outputs[0]["data"]["text/html"]
    assert "left out" in result.outputs[0]["data"]["text/plain"]


@pytest.mark.parametrize(
    ("code", "size"),
    [
        ("yes | head -c 100000000", 100_000_000),
        ("head -c 80000000 /dev/zero | tr '\\0' x", 80_000_000),
    ],
    ids=["many lines", "one line"],
)
def test_memory_stays_small(bash, code, size):
    bash.run("seq 600000")
    before = rss(bash)
    result = bash.run(code)
    assert peak(bash) - before < 64 * MIB
    assert result.record["output_bytes"] == size
    left_out, _, _ = notice(result)
    assert left_out + len(result.text()) == size


def test_the_log_has_every_byte(bash):
    result = bash.run("head -c 24000000 /dev/urandom > /dev/shm/x; cat /dev/shm/x")
    sums = bash.run("sha256sum < /dev/shm/x; rm /dev/shm/x").text()
    whole = Path(result.record["log"]).read_bytes()
    assert hashlib.sha256(whole).hexdigest() == sums.split()[0]


def test_a_log_that_reaches_its_limit_says_so(start_kernel, debian):
    kernel = start_kernel(DEXEC_CONTAINER=debian, DEXEC_LOG_LIMIT="5000000")
    result = kernel.run("yes | head -c 20000000")
    text = Path(result.record["log"]).read_bytes()
    assert text[:5_000_000] == b"y\n" * 2_500_000
    assert text[5_000_000:] == b"\n[dexec: the log ends here, log_limit is 5,000,000 bytes]\n"
    assert "log_limit is 5,000,000 bytes" in result.text("stderr")
    assert "log_limit is 5,000,000 bytes" in result.outputs[0]["data"]["text/plain"]


def test_without_a_log(start_kernel, debian, runtime_dir):
    kernel = start_kernel(DEXEC_CONTAINER=debian, DEXEC_LOG_LIMIT="0")
    result = kernel.run("yes | head -c 20000000")
    assert result.record["log"] is None
    assert "there is no log: log_limit is 0" in result.text("stderr")
    assert list(runtime_dir.glob("dexec/*")) == []


def left_out(message):
    """Whether a message is the live bar's, and says that output is left out by now."""
    return message["msg_type"] == "comm_msg" and "MiB left out" in str(message["content"])


def test_an_interrupt_works_in_a_flood(bash, debian, gone):
    interrupted = []

    def interrupt(message):
        if left_out(message) and not interrupted:
            interrupted.append(True)
            bash.interrupt()

    result = bash.run("yes", at=interrupt, allow_stdin=True)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert result.record["state"] == "interrupted"
    size, _, path = notice(result)
    whole = size + len(result.text())
    assert Path(path).stat().st_size in {whole, whole + len("^C")} or whole > 2**30
    assert gone(debian) == []
    assert bash.run("echo next").text() == "next\n"


def test_the_bar_counts_while_the_cell_runs(bash, debian, gate):
    held = gate(debian)
    opened = []

    def look(message):
        if left_out(message) and not opened:
            opened.append(True)
            held.open()

    # The cell does not end before its bar has told.
    bash.run(f"seq 700000; {held.wait}", at=look, allow_stdin=True)
    assert opened


def test_streams_that_change_all_the_time_arrive_whole(bash):
    result = bash.run("for ((n = 0; n < 8000; n++)); do echo $n; echo $n >&2; done")
    expected = "".join(f"{n}\n" for n in range(8_000))
    assert result.text() == expected
    assert result.text("stderr") == expected


@pytest.mark.parametrize("keep", ["0", "1"])
def test_logs_go_with_the_kernel_unless_they_are_kept(start_kernel, debian, keep):
    kernel = start_kernel(DEXEC_CONTAINER=debian, DEXEC_KEEP_LOGS=keep)
    path = Path(kernel.run("seq 500000").record["log"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    kernel.manager.shutdown_kernel()
    assert path.exists() == (keep == "1")
    assert path.parent.exists() == (keep == "1")


def test_logs_of_a_killed_kernel_go_when_the_next_one_starts(start_kernel, debian):
    kernel = start_kernel(DEXEC_CONTAINER=debian)
    path = Path(kernel.run("seq 500000").record["log"])
    kernel.manager.shutdown_kernel(now=True)
    assert path.exists()
    start_kernel(DEXEC_CONTAINER=debian)
    until(lambda: not path.parent.exists())


def test_a_raised_limit_is_paced(start_kernel, debian):
    """No more than jupyter_server lets pass in three seconds, and nothing lost."""
    kernel = start_kernel(DEXEC_CONTAINER=debian, DEXEC_OUTPUT_LIMIT="20000000")
    result = kernel.run("seq 900000")
    assert result.text() == "".join(f"{n}\n" for n in range(1, 900_001))
    sent = [message for message in result.messages if message["msg_type"] == "stream"]
    windows = sum(json_size(message["content"]["text"]) for message in sent) / MAX_BYTES
    assert windows > 2
    took = sent[-1]["header"]["date"] - sent[0]["header"]["date"]
    assert took.total_seconds() > (int(windows) - 1) * WINDOW
    # The bar's last state may have been dropped before the idle, and comes once more.
    request = result.messages[0]["parent_header"]["msg_id"]
    [late] = kernel.later(request, until=lambda found: found)
    assert late["msg_type"] == "update_display_data"
    assert "exit code 0" in late["content"]["data"]["text/plain"]


def test_a_paced_cell_can_be_interrupted(start_kernel, debian):
    kernel = start_kernel(DEXEC_CONTAINER=debian, DEXEC_OUTPUT_LIMIT="200000000")
    sizes = []

    def interrupt(message):
        if message["msg_type"] == "stream":
            was_paced = sum(sizes) > MAX_BYTES
            sizes.append(len(message["content"]["text"]))
            if not was_paced and sum(sizes) > MAX_BYTES:
                kernel.interrupt()

    result = kernel.run("yes", at=interrupt)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert kernel.run("echo next").text() == "next\n"


def test_no_limit(start_kernel, debian):
    kernel = start_kernel(DEXEC_CONTAINER=debian, DEXEC_OUTPUT_LIMIT="0")
    result = kernel.run("seq 1300000")
    assert result.text() == "".join(f"{n}\n" for n in range(1, 1_300_001))
    assert result.record["log"] is None
