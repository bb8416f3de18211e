"""``%%exec -d``: a command that outlives its cell and its kernel."""

from __future__ import annotations

import pytest

from devtools import containers, images
from tests.waiting import until


@pytest.fixture(params=[images.BUSYBOX, images.DEBIAN], ids=["busybox", "debian"])
def own(request, run_container):
    return run_container(request.param)


def rows_of(host, name, word):
    return [row for row in containers.top(host, name) if word in row["CMD"]]


def test_a_detached_command_ends_its_cell_at_once_and_outlives_the_kernel(start_kernel, own, host):
    kernel = start_kernel(DEXEC_CONTAINER=own)
    kernel.run("cd /tmp; export A='b c'")
    result = kernel.run(
        '%%exec -d -e B=2\necho "$A$B $PWD" >found; echo $$ >pid.new; mv pid.new pid\n'
        "exec sleep 60123"
    )
    assert result.reply["status"] == "ok"
    assert result.text() == result.text("stderr") == ""
    record = result.record
    assert (record["state"], record["exit_code"]) == ("detached", None)
    # A shell that has just forked for `mv` shows two processes with its text.
    until(lambda: [int(row["PID"]) for row in rows_of(host, own, "60123")] == [record["pid"]])
    bar = result.outputs[0]["data"]
    assert f"exec {record['exec_id'][:12]} ·" in bar["text/plain"]
    assert f'title="exec {record["exec_id"]}"' in bar["text/html"]
    waiting = "until [ -e pid ]; do sleep 0.05; done; cat found"
    assert kernel.run(waiting).text() == "b c2 /tmp\n"
    assert "60123" in kernel.run("%ps").outputs[0]["data"]["text/plain"]
    kernel.manager.shutdown_kernel()
    assert rows_of(host, own, "60123")

    later = start_kernel(DEXEC_CONTAINER=own)
    assert later.run('kill "$(cat /tmp/pid)"').reply["status"] == "ok"
    until(lambda: not rows_of(host, own, "60123"))


def test_a_command_line_is_started_by_the_engine(start_kernel, own, host):
    kernel = start_kernel(DEXEC_CONTAINER=own)
    kernel.run("cd /tmp")
    # A limit of the kernel's is none for a command that nobody waits for.
    result = kernel.run("%timeout 0.001\n%%exec -d -u 1000 -- sleep 60124")
    kernel.run("%timeout off")
    assert (result.record["user"], result.record["cwd"]) == ("1000", "/tmp")
    # The engine may answer before the process has replaced `runc init` by the command.
    [row] = until(lambda: rows_of(host, own, "60124"))
    assert int(row["PID"]) == result.record["pid"]
    reply = kernel.run("%%exec -d -- no-such-command").reply
    assert reply["ename"] == "CommandNotStarted"
    assert "no command 'no-such-command'" in reply["evalue"]
    reply = kernel.run("%%exec -d -u nobody-knows\ntrue").reply
    assert reply["ename"] == "CommandNotStarted"
    kernel.run("mkdir gone; cd gone; rmdir /tmp/gone")
    assert kernel.run("%%exec -d\ntrue").reply["ename"] == "FolderGone"
    assert kernel.run("%%exec -d -t\ntrue").reply["ename"] == "CellSyntaxError"


def test_an_image_without_a_shell_has_detached_commands(start_kernel, noshell):
    kernel = start_kernel(DEXEC_CONTAINER=noshell)
    assert kernel.run("%%exec -d -- cat").record["state"] == "detached"
    assert kernel.run("%%exec -d\n/no/such").reply["ename"] == "CommandNotStarted"


def test_it_is_offered_and_explained(kernel):
    request = kernel.client.complete("%%exec --det", 12)
    assert kernel.reply(request)["matches"] == ["--detach"]
    assert "--detach" in kernel.run("%%exec --help").outputs[0]["data"]["text/plain"]
