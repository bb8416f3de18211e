"""A session in JupyterLab: input, background processes, terminals, long output."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from devtools import containers
from devtools.lab_page import Lab
from tests.gate import Gate
from tests.waiting import until

#: Sets a mark when the kernel has handled a message to a widget.
_NOTE_HANDLED_COMM = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    kernel.iopubMessage.connect((_, message) => {
        window.handledComm ||= message.parent_header.msg_type === "comm_msg"
            && message.content.execution_state === "idle";
    });
}"""

#: Restarts the kernel; returns the words of the bars that are shown before it can have answered.
_RESTART = """async () => {
    window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart();
    await new Promise(done => setTimeout(done));
    return [...document.querySelectorAll(".jupyter-widgets .dexec-bar")]
        .filter(bar => bar.checkVisibility())
        .map(bar => bar.firstChild.lastChild.textContent.trim())
        .filter(words => !words.startsWith("exit code"));
}"""


def test_input(lab: Lab, debian: str):
    cells = [
        f"%container {debian}",
        "read -p 'Name? ' name; echo \"Hello, $name.\"",
        "python3 -c 'import getpass; print(len(getpass.getpass()))'",
        "cat; echo over",
    ]
    lab.server.write("input.ipynb", cells)
    lab.open("input.ipynb")
    lab.cell(0).run()

    name = lab.cell(1)
    name.start()
    expect(name.line).to_have_attribute("placeholder", "Name?")
    expect(name.line).not_to_have_attribute("type", "password")
    lab.screenshot("input")
    # A field that is left in the middle of a line: all of the line is sent, once.
    lab.page.evaluate(_NOTE_HANDLED_COMM)
    name.line.press_sequentially("A")
    password = lab.cell(2)
    password.root.locator(".jp-InputPrompt").click()
    lab.page.wait_for_function("() => window.handledComm")
    name.line.press("End")
    name.line.press_sequentially("da")
    name.line.press("Enter")
    name.wait()
    expect(name.stdout.last).to_have_text("Hello, Ada.\n")

    password.start()
    expect(password.line).to_have_attribute("placeholder", "Password:")
    expect(password.line).to_have_attribute("type", "password")
    password.line.fill("geheim")
    lab.screenshot("input-password")
    password.answer("geheim")
    password.wait()
    expect(password.stdout.last).to_have_text("6\n")
    assert "geheim" not in lab.page.inner_text("body")

    cat = lab.cell(3)
    cat.start()
    cat.answer("a line")
    expect(cat.stdout.last).to_have_text("a line\n")
    expect(cat.line).to_be_focused()
    lab.screenshot("input-eof")
    cat.eof_button.click()
    cat.wait()
    expect(cat.stdout.last).to_contain_text("over\n")
    expect(cat.static_bar).to_contain_text("exit code 0")


def test_background(lab: Lab, host: str, busybox: str):
    gate = Gate(host, busybox)
    ticking = f"({gate.wait}; echo tick; sleep 60000) & echo begun"
    lab.server.write("background.ipynb", [ticking, "echo next"])
    lab.open("background.ipynb")
    cell, following = lab.cell(0), lab.cell(1)
    cell.start()
    cell.wait_replied()
    following.run()
    expect(following.stdout).to_have_text("next\n")
    expect(cell.stdout).to_have_text("begun\n")
    expect(cell.live_bar).to_contain_text("in the background")
    expect(cell.live_bar).to_contain_text(re.compile(r"\d process(es)? lives? on"))
    lab.screenshot("background")
    gate.open()
    expect(cell.stdout).to_contain_text("tick")
    assert "tick" not in following.stdout.inner_text()

    cell.stop_button.click()
    cell.wait()
    expect(cell.static_bar).to_contain_text("stopped, exit code 0")
    expect(cell.stop_button).to_have_count(0)
    until(lambda: "sleep 60000" not in [row["CMD"] for row in containers.top(host, busybox)])


def test_a_terminal(lab: Lab, host: str, busybox: str):
    gate = Gate(host, busybox)
    code = rf"""%%exec -t
printf '\033[32mgreen\033[0m \033[1mbold\033[0m\n'
printf '\r[%s %%]' '##  40'
{gate.wait}
for bar in '### 70' '####100'; do printf '\r[%s %%]' "$bar"; done
echo; stty size"""
    lab.server.write("terminal.ipynb", [code])
    lab.open("terminal.ipynb")
    cell = lab.cell(0)
    cell.start()
    cell.stdout.filter(has_text=" 40 %").wait_for()
    lab.screenshot("terminal")
    gate.open()
    cell.wait()
    expect(cell.stdout).to_have_text("green bold\n[####100 %]\n24 80\n")
    expect(cell.stdout.locator(".ansi-green-fg")).to_have_text("green")
    expect(cell.stdout.locator(".ansi-bold")).to_have_text("bold")


def test_long_output(lab: Lab):
    """15 MB: a message counts the omitted output, and JupyterLab can be used."""
    lab.server.write("long.ipynb", ["seq 1 2000000", "echo usable"])
    lab.open("long.ipynb")
    cell = lab.cell(0)
    cell.start()
    cell.wait()
    lab.wait_idle()
    lab.seconds_to_scroll()
    lab.screenshot("long-tail")
    expect(cell.static_bar).to_contain_text("MiB left out")
    [record, _] = lab.records("long.ipynb")
    log = Path(record["log"])
    assert log.stat().st_size == record["output_bytes"] == 14_888_896
    notice = cell.stderr.filter(has_text="left out; the whole output is in")
    expect(notice).to_contain_text(str(log))
    notice.scroll_into_view_if_needed()
    expect(notice).to_be_in_viewport()
    lab.screenshot("long-notice")
    cell.bar.scroll_into_view_if_needed()

    following = lab.cell(1)
    following.run()
    expect(following.stdout).to_have_text("usable\n")


def test_reload_and_restart(lab: Lab, host: str, busybox: str):
    """The page is loaded again, and the kernel restarted, while a cell runs."""
    gate = Gate(host, busybox)
    lab.server.write("reload.ipynb", [f"echo begun; {gate.wait}; exit 3", "sleep 100000", "%last"])
    lab.open("reload.ipynb")
    cell, endless = lab.cell(0), lab.cell(1)
    cell.start()
    expect(cell.live_bar).to_contain_text("PID")
    lab.save()
    lab.page.reload()
    expect(cell.live_bar).to_contain_text("running")
    lab.screenshot("reload-running")
    gate.open()
    expect(cell.live_bar).to_contain_text("exit code 3")
    expect(cell.interrupt_button).to_have_count(0)
    lab.screenshot("reload-ended")
    record = lab.records("reload.ipynb")[0]
    assert record is not None
    assert (record["state"], record["exit_code"]) == ("exited", 3)
    assert record["ended"] > record["started"]
    lab.wait_idle()
    lab.cell(2).start()
    expect(lab.cell(2).static_bar).to_contain_text("exit code 3")
    expect(lab.cell(2).stdout).to_have_text("begun\n")

    endless.start()
    expect(endless.live_bar).to_contain_text("PID")
    assert lab.page.evaluate(_RESTART) == ["ended with its kernel"]
    expect(endless.live_bar).to_contain_text("its kernel ended")
    expect(endless.interrupt_button).to_have_count(0)
    lab.screenshot("restart")
    # The server opens the notebook with what the kernel has left.
    lab.save()
    lab.page.reload()
    expect(cell.static_bar).to_contain_text("exit code 3")
    expect(endless.static_bar).to_contain_text("its kernel ended")
