"""Checks in the kernel of a lab: bars, records and replies; what a student does against them."""

from __future__ import annotations

import pytest

from devtools import images
from tests.kernel.labs import containers_of
from tests.waiting import until

RECORD = "application/vnd.dexec.check+json"
LAB = f"""
title = "Checks"
[container]
image = "{images.DEBIAN}"
pids_limit = 128
[tasks.file]
title = "Write a file"
points = 2
files = ["/root/answer"]
hints_after = 1
[tasks.pipe]
title = "Use a pipe"
after = ["file"]
[tasks.broken]
title = "A broken one"
[tasks.endless]
title = "An endless one"
timeout = 1
"""
#: Looks for a check's text in the folders and files that it is given.
SEARCH = r"""
import os, sys
count = 0
for place in sys.argv[1:]:
    for top, _, names in os.walk(place) if os.path.isdir(place) else [(place, [], [""])]:
        for name in names:
            try:
                with open(os.path.join(top, name) if name else top, "rb") as file:
                    text = file.read(1 << 20)
            except OSError:
                continue
            count += 1
            if b"There is" + b" no hello" in text or b"TEACHERS" in text:
                print("found", top, name)
print("looked at", count)
"""
CHECKS = {
    "file": "if grep -qx hello /root/answer; then echo 'Well <b>done</b>.'; else\n"
    " echo 'There is no hello.'; echo TEACHERS-TEXT >&2; exit 1; fi\n",
    "pipe": 'case $DEXEC_LAST_CELL in *"|"*) ;; *) exit 1; esac\n'
    'grep -q pipefail "$DEXEC_SESSION/options" && [ "$DEXEC_FOLDER" = /tmp ] &&\n'
    '[ "$(cat "$DEXEC_SESSION/exported/FOO")" = bar ] && [ "$DEXEC_LAST_OUTPUT" = 3 ]\n',
    "broken": "no-such-command-of-the-check\n",
    "endless": "while :; do sleep 1; done\n",
}


@pytest.fixture(scope="module")
def folder(host, tmp_path_factory):
    images.ensure_image(host, images.DEBIAN)
    folder = tmp_path_factory.mktemp("labs") / "checked"
    for name in ("checks", "hints"):
        (folder / name).mkdir(parents=True)
    (folder / "lab.toml").write_text(LAB)
    for name, text in CHECKS.items():
        (folder / f"checks/{name}.sh").write_text(text)
    (folder / "hints/file.md").write_text("## One\n\nUse **echo**.\n\n## Two\n\n`echo hello`\n")
    return folder


@pytest.fixture(scope="module")
def lab(start_module_kernel, folder):
    """A lab's kernel, in which the student has done something already."""
    kernel = start_module_kernel(arguments=(f"--lab={folder}",))
    kernel.run("true")
    return kernel


def record(result):
    [found] = [o["data"] for o in result.outputs if RECORD in o.get("data", {})]
    return found[RECORD], found


def test_a_check_its_bar_record_and_reply(lab, host):
    result = lab.run("%check file")
    said, data = record(result)
    assert said == {
        "task": "file",
        "state": "not yet",
        "points": 0,
        "max_points": 2,
        "message": "There is no hello.",
        "attempt": 1,
        "duration_s": said["duration_s"],
    }
    assert result.reply["status"] == "error"
    assert (result.reply["ename"], result.reply["evalue"]) == ("CheckNotPassed", "file: not yet")
    assert "not yet · file · Write a file · 0 of 2 points · attempt 1" in data["text/plain"]
    assert "%hint file shows a hint." in data["text/plain"]
    assert "TEACHERS-TEXT" not in str(result.messages)

    hint = lab.run("%hint file")
    assert hint.reply["status"] == "ok"
    assert "Use **echo**." in hint.outputs[0]["data"]["text/markdown"]
    assert "Hint 2 of 2" in lab.run("%hint").outputs[0]["data"]["text/plain"]
    assert lab.run("%hint pipe").reply["ename"] == "UsageError"

    result = lab.run("echo hello >/root/answer\n")
    result = lab.run("%check")
    said, data = record(result)
    assert (said["task"], said["state"], said["points"], said["attempt"]) == (
        "file",
        "passed",
        2,
        2,
    )
    assert result.reply["status"] == "ok"
    assert "Well &lt;b&gt;done&lt;/b&gt;." in data["text/html"]
    assert not result.of("stream", "error")

    # The next one, and what only a kernel knows.
    assert record(lab.run("%check"))[0]["task"] == "pipe"
    lab.run("set -o pipefail; cd /tmp; export FOO=bar; printf 'a\\nb\\nc\\n' | wc -l | tr -d '\\n'")
    assert record(lab.run("%check pipe"))[0]["state"] == "passed"
    assert "%check" in lab.run("%magics").outputs[0]["data"]["text/plain"]


@pytest.mark.parametrize(("task", "state"), [("broken", "broken"), ("endless", "timed out")])
def test_what_could_not_run_says_nothing_of_the_student(lab, task, state):
    result = lab.run(f"%check {task}")
    said, data = record(result)
    assert (said["state"], said["points"]) == (state, 0)
    assert (result.reply["status"], result.reply["ename"]) == ("error", "CheckBroken")
    assert "This says nothing about your work" in data["text/plain"]
    assert "no-such-command-of-the-check" not in str(result.messages)


def test_what_a_student_does_in_a_cell_against_a_check(lab, host, folder):
    lab.run("rm -f /root/answer")
    for cell in (
        "eval() { :; }",
        "unset -f eval; PATH=/tmp; alias grep=true exit=true",
        "PATH=/usr/bin:/bin; exit() { :; }; export LD_PRELOAD=/root/evil.so",
        "unset LD_PRELOAD; printf '#!/bin/true\\n' >/bin/grep; cp /bin/true /usr/bin/grep",
        "ln -sf /dev/stdin /root/answer",
        "%%python3\nprint('it runs')",
    ):
        lab.run(cell)
        result = lab.run("%check file")
        assert record(result)[0]["state"] == "not yet", cell
    # A name, a path, and what cells may reach.
    assert lab.run("%check fil").reply["ename"] == "UsageError"
    assert lab.run("%check ../../etc/passwd").reply["ename"] == "UsageError"
    lab.run("%reset")
    until(
        lambda: list(containers_of(host, "checked", checkers=True).values()).count("running") >= 2
    )
    replies = [
        lab.run(f"%%exec -c {found} -- true").reply
        for found in containers_of(host, "checked", checkers=True)
    ]
    # The used checker may be on its way out, beside the one that waits.
    assert [reply["status"] for reply in replies].count("ok") == 1
    assert "PolicyRefused" in {reply.get("ename") for reply in replies}
    # Nothing of the checks is where cells are, or in what the kernel was started with.
    places = "/root /tmp /etc /run /dev/shm /proc/[0-9]*/cmdline /proc/[0-9]*/environ"
    seen = lab.run(f"cat /proc/mounts; env; python3 - {places} <<'END'\n{SEARCH}END")
    assert "looked at" in seen.text()
    assert "found" not in seen.text()
    assert str(folder) not in seen.text()


def test_other_kernels_have_no_checks(kernel):
    result = kernel.run("%check")
    assert result.reply["ename"] == "UnknownMagic"
    assert "not that of a lab" in result.reply["evalue"]
    assert "%check" not in kernel.run("%magics").outputs[0]["data"]["text/plain"]


def test_an_interrupt_ends_a_check_and_nothing_is_left(start_kernel, folder, host):
    kernel = start_kernel(arguments=(f"--lab={folder}",))
    text = (folder / "checks/endless.sh").read_text()
    (folder / "lab.toml").write_text(LAB.replace("timeout = 1", "timeout = 600"))
    try:
        kernel.run("true")
        others = set(containers_of(host, "checked", checkers=True))
        request = kernel.send("%check endless")
        kernel.busy(request)
        until(lambda: len(set(containers_of(host, "checked", checkers=True)) - others) > 0)
        kernel.interrupt()
        result = kernel.collect(request)
        assert result.reply["ename"] == "KeyboardInterrupt"
    finally:
        (folder / "lab.toml").write_text(LAB)
        assert text
    own = set(containers_of(host, "checked", checkers=True)) - others
    kernel.manager.shutdown_kernel()
    until(lambda: not own & set(containers_of(host, "checked", checkers=True)))
