"""A lab's kernel: its container comes with the first cell, and goes with the kernel."""

from __future__ import annotations

from typing import Any

import pytest

from devtools import api, containers, images
from tests.kernel.labs import containers_of, make_lab
from tests.kernel.widgets import Widgets
from tests.registry import Registry, saved, serve
from tests.waiting import until


@pytest.fixture(scope="module", autouse=True)
def _images(host):
    images.ensure_image(host, images.BUSYBOX)


def shown(result) -> str:
    """What a cell displays besides its record, as text."""
    return "\n".join(
        output["data"]["text/plain"]
        for output in result.outputs
        if output["kind"] == "display_data"
    )


def test_the_first_cell_makes_the_container_and_a_restart_keeps_it(start_kernel, host, tmp_path):
    folder = make_lab(tmp_path, "firstlab", setup="echo hello >/root/hello\n")
    kernel = start_kernel(
        arguments=(f"--lab={folder}",),
        DEXEC_CONTAINER="elsewhere",
        DEXEC_COMPLETION_TIMEOUT="60",
    )
    assert kernel.reply(kernel.client.complete("%cont"))["matches"]
    kernel.reply(kernel.client.complete("cat /root/h"))
    for text, names in {"%check ": ["one"], "%hint x": [], "%lab reset l": ["lab"]}.items():
        assert kernel.reply(kernel.client.complete(text))["matches"] == names
    assert kernel.run("").reply["status"] == "ok"
    assert containers_of(host, "firstlab") == {}
    result = kernel.run("cat /root/hello; id -u")
    assert result.text() == "hello\n0\n"
    assert "A lab · ready" in shown(result)
    assert "A lab" not in shown(kernel.run("echo mine >/root/mine; X=1"))
    [container] = containers_of(host, "firstlab")
    assert containers.inspect(host, container)["HostConfig"]["Memory"] == 128 << 20

    # All of its processes end, but for the main one; then that as well, by the engine's hand.
    kernel.run("kill -9 -1")
    result = kernel.run("cat /root/mine")
    assert (result.text(), "again" in shown(result)) == ("mine\n", False)
    api.call(host, "POST", f"/containers/{container}/kill")
    result = kernel.run("cat /root/mine")
    assert result.text() == "mine\n"
    assert "had stopped and was started again" in shown(result)

    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=120)
    result = kernel.run("cat /root/mine")
    assert result.text() == "mine\n"
    assert containers_of(host, "firstlab") == {container: "running"}
    kernel.manager.shutdown_kernel()
    until(lambda: containers_of(host, "firstlab", checkers=True) == {})


#: What a cell of a lab may not do, and the setting that refuses it. The student is the user 1000.
WAYS = {
    "%container {other}": "containers.labels",
    "%%exec -c {other}\necho no": "containers.labels",
    "%%exec -d -c {other} -- true": "containers.labels",
    "%%sh -c {other} --\necho no": "containers.labels",
    "%attach {other}": "containers.labels",
    "%show {other}:/etc/passwd": "containers.labels",
    "%%writefile {other}:/tmp/x\nno": "containers.labels",
    "%%exec -c {checker} -u root\nid": "containers.labels",
    "%%exec -c {neighbour}\nid": "containers.labels",
    "%cp {other}:/etc/passwd /tmp/": "files.local",
    "%cp :/etc/passwd /tmp/": "files.local",
    "%cp /etc/passwd :/tmp/": "files.local",
    "%log save {log}": "files.local",
    "%show :/etc/shadow": "exec.users",
    "%%writefile :/etc/passwd\nroot::0:0::/:/bin/sh": "exec.users",
    "%%exec -u root\nid": "exec.users",
    "%%exec -u 0\nid": "exec.users",
    "%%exec -u 1000:0\nid": "exec.users",
    "%%exec -u root -t\nid": "exec.users",
    "%%exec -d -u root -- id": "exec.users",
    "%%exec --privileged\nid": "exec.privileged",
}


def commands(host: str, container: str) -> list[str]:
    return [row["CMD"] for row in containers.top(host, container)]


def refusal(kernel, code: str, setting: str) -> None:
    """Run a cell that is refused; nothing of it has run."""
    result = kernel.run(code)
    assert result.reply.get("ename") == "PolicyRefused", (code, result.reply)
    assert setting in result.reply["evalue"], (code, result.reply["evalue"])
    assert "the lab mylab" in result.reply["evalue"], code
    assert result.text() == ""


def test_a_lab_is_confined_to_itself(start_kernel, host, tmp_path, busybox, run_container):
    """No magic, option, variable or message of a widget leads out of it."""
    setup = "echo s >/root/s; chmod 700 /root; sleep 4321 >/dev/null 2>&1 &"
    folder = make_lab(tmp_path, container='user = "1000"', setup=setup)
    others = containers_of(host).keys()
    log, history = tmp_path / "log", tmp_path / "history"
    kernel = start_kernel(arguments=(f"--lab={folder}",), DEXEC_HISTORY_FILE=str(history))
    refusal(kernel, "echo no", "history_file")
    kernel.reply(kernel.client.history(hist_access_type="tail", n=1))
    assert not history.exists()
    kernel = start_kernel(
        arguments=(f"--lab={folder}",),
        DEXEC_CONTAINER=busybox,
        DEXEC_COMPLETION_TIMEOUT="60",
    )
    assert kernel.run("id -u; cat /root/s 2>&1").text().startswith("1000\ncat: ")
    [mine] = containers_of(host).keys() - others
    labels = containers.inspect(host, mine)["Config"]["Labels"]
    own = {key: value for key, value in labels.items() if key.startswith("dexec.lab")}
    checker = {k: v for k, v in own.items() if k != "dexec.lab.cells"}
    names = {
        "other": busybox,
        "log": str(log),
        "checker": run_container(labels=checker),
        "neighbour": run_container(labels={**own, "dexec.lab.owner": "another"}),
    }
    for code, setting in WAYS.items():
        refusal(kernel, code.format(**names), setting)
    assert not log.exists()
    # A student who is not root ends that user's processes alone: not the main one, nor setup.sh's.
    kernel.run("%%exec -d\nexec sleep 1234")
    until(lambda: "sleep 1234" in commands(host, mine))
    kernel.run("kill -9 -1")
    until(lambda: "sleep 1234" not in commands(host, mine))
    assert "sleep 4321" in commands(host, mine)
    assert containers_of(host)[mine] == "running"
    shown = str([message["content"] for message in kernel.run("%containers").messages])
    assert not any(name in shown for name in names.values())
    matches = kernel.reply(kernel.client.complete("%container "))["matches"]
    assert not set(matches) & set(names.values())

    widgets = Widgets(kernel)
    kernel.run("%status", allow_stdin=True, at=widgets.take)
    [(key, state)] = widgets.of("DropdownModel").items()
    options = [*state["_options_labels"], busybox]
    widgets.update(key, {"_options_labels": options, "index": len(options) - 1})
    assert kernel.run("id -u").text() in {"1000\n", ""}
    before = containers.inspect(host, mine)["State"]["StartedAt"]
    widgets.click("Restart container")
    widgets.click("Restart mylab")
    widgets.until(lambda: "may not be restarted" in widgets.html())
    assert containers.inspect(host, mine)["State"]["StartedAt"] == before


def test_lab_shows_the_lab_resets_it_and_lets_it_rest(start_kernel, host, tmp_path):
    folder = make_lab(
        tmp_path, "tablelab", general='idle = "1s"\ntime = "290s"', setup="echo new >/root/f"
    )
    kernel = start_kernel(arguments=(f"--lab={folder}",))
    result = kernel.run("%lab")
    text = shown(result)
    assert "4 min" in text
    assert "left, then the lab and its files are gone" in text
    for part in ("0 of 1 points", "A task", "of 128.0 MiB", "of 128", "running", "none"):
        assert part in text, (part, text)
    [before] = containers_of(host, "tablelab")
    until(lambda: containers_of(host, "tablelab") == {before: "paused"})
    result = kernel.run("echo mine >/root/f; X=1; cat /root/f")
    assert result.text() == "mine\n"
    assert "goes on after a pause" in shown(result)

    # Nothing can be started in the container any more; the reset needs nothing there.
    kernel.run("for i in $(seq 200); do sleep 1000 & done", timeout=120)
    result = kernel.run("%lab reset\ncat /root/f; echo $X")
    assert result.text() == "new\n\n"
    assert "as it was at the beginning" in shown(result)
    assert before not in containers_of(host, "tablelab")
    [after] = containers_of(host, "tablelab")
    assert kernel.run("%lab reset lab").reply["status"] == "ok"
    assert after not in containers_of(host, "tablelab")
    for wrong in ("%lab reset other", "%lab begin"):
        assert kernel.run(wrong).reply["ename"] == "UsageError"
    kernel.manager.shutdown_kernel()
    until(lambda: containers_of(host, "tablelab", checkers=True) == {})


def test_a_lab_that_stops_at_rest_goes_on_with_its_files(start_kernel, host, tmp_path):
    """Memory that has run out ends a cell, and neither its session nor the lab."""
    folder = make_lab(tmp_path, "restlab", general='idle = "1s"\nat_idle = "stop"')
    kernel = start_kernel(arguments=(f"--lab={folder}",))
    kernel.run("echo mine >/root/f; X=1; cd /tmp; sleep 1234 &")
    [container] = containers_of(host, "restlab")
    for cell in ("cat /root/f; echo $X; pwd; ps | grep -c '[s]leep 1234'", "%lab"):
        until(lambda: containers_of(host, "restlab") == {container: "exited"})
        result = kernel.run(cell)
        assert "had stopped and was started again: its files are there" in shown(result), cell
        assert result.text() in {"mine\n1\n/tmp\n0\n", ""}, cell
    result = kernel.run("dd if=/dev/zero of=/dev/null bs=400M count=1")
    assert "exit code 137 (SIGKILL, out of memory)" in result.reply["evalue"]
    assert kernel.run("echo $X").text() == "1\n"
    kernel.manager.shutdown_kernel()
    until(lambda: containers_of(host, "restlab", checkers=True) == {})


def test_a_lab_ends_with_its_time(start_kernel, host, tmp_path):
    folder = make_lab(tmp_path, "shortlab", general='time = "3s"')
    kernel = start_kernel(arguments=(f"--lab={folder}",))
    result = kernel.run("sleep 1000")
    # On a slow machine it is over before the cell has begun.
    assert "time of the lab is over" in shown(result) + result.reply["evalue"]
    until(lambda: containers_of(host, "shortlab") == {})
    for _ in range(2):
        reply = kernel.run("echo no").reply
        assert reply["ename"] == "LabUnusable"
        assert "time of the lab is over" in reply["evalue"]


def test_a_missing_image_is_pulled_by_the_first_cell(start_kernel, host, tmp_path):
    """The line shows how far it is; an interrupt ends it; without a registry there is advice."""
    with serve(Registry(saved(host, "localhost/dexec-first-cell:1"))) as registry:
        folder = make_lab(tmp_path, "pulledlab", image=registry.image)
        kernel = start_kernel(arguments=(f"--lab={folder}",))
        registry.open.clear()
        said: list[str] = []

        def at(message: dict[str, Any]) -> None:
            text = message["content"].get("data", {}).get("text/plain", "")
            was_there = any("% of " in line for line in said)
            said.append(text)
            if "% of " in text and not was_there:
                kernel.interrupt()

        result = kernel.run("echo no", at=at)
        assert any(f"pulling {registry.image}: " in line for line in said)
        assert result.reply["status"] == "error"
        assert (result.text(), containers_of(host, "pulledlab")) == ("", {})
        registry.open.set()
        assert kernel.run("wc -c </pulled").text() == "1000000\n"
        kernel.manager.shutdown_kernel()
        until(lambda: containers_of(host, "pulledlab", checkers=True) == {})
        api.call(host, "DELETE", f"/images/{registry.image}", query={"force": "1"})
    kernel = start_kernel(arguments=(f"--lab={folder}",))
    reply = kernel.run("echo no").reply
    assert reply["ename"] == "ImageNotPulled"
    assert f"docker pull {registry.image}" in "".join(reply["traceback"])
