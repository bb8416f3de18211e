"""The live bars in JupyterLab: a line for stdin, Kill, the kernel's own bar, and the chooser."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Locator, expect

from devtools.lab_page import KERNEL, Lab
from tests.gate import Gate
from tests.waiting import GUARD, until

_COMMS = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel._comms.size"


def box(locator: Locator) -> dict[str, float]:
    """Return an element's place; a live bar is drawn anew each second, and then has none."""
    return dict(until(locator.bounding_box))


def choose(within: Locator, container: str) -> None:
    """Choose a container from the list, as a user does."""
    choice = within.get_by_role("combobox")
    choice.select_option(choice.locator("option", has_text=container).inner_text())


def chosen(within: Locator) -> Locator:
    return within.locator("option:checked")


def test_one_place_to_type(lab: Lab):
    """The bar's field asks, JupyterLab's box does not: nothing is left to be answered."""
    ask = "read -p 'Deploy to production? ' a; echo \"you said: $a\""
    secret = "printf 'Password: '; read p; echo ${#p} characters; cat; echo over"
    count = 'while read line; do echo "${#line} characters"; done; echo over'
    lab.server.write("line.ipynb", [ask, secret, f"%%exec -i\n{count}", "echo next"])
    lab.open("line.ipynb")
    cell = lab.cell(0)
    cell.start()
    expect(cell.line).to_have_attribute("placeholder", "Deploy to production?")
    expect(cell.line).to_be_focused()
    # In one line with the bar, and as high.
    assert box(cell.line)["height"] == box(cell.live_bar)["height"] == 22
    assert abs(box(cell.line)["y"] - box(cell.live_bar)["y"]) <= 1
    lab.page.keyboard.type("yes")
    lab.screenshot("line-for-stdin")
    lab.page.keyboard.press("Enter")
    cell.wait()
    expect(cell.stdout).to_have_text("you said: yes\n")
    expect(cell.input).to_have_count(0)

    # EOF leaves nothing behind, and neither does Interrupt: the next cell runs.
    cell = lab.cell(1)
    cell.start()
    expect(cell.line).to_have_attribute("type", "password")
    expect(cell.line).to_be_focused()
    lab.page.keyboard.type("secret")
    lab.screenshot("line-for-secret")
    lab.page.keyboard.press("Enter")
    expect(cell.stdout).to_contain_text("6 characters")
    expect(cell.input).to_have_count(0)
    cell.eof_button.click()
    cell.wait()
    expect(cell.stdout).to_contain_text("over")
    cell.start()
    expect(cell.line).to_be_focused()
    cell.interrupt_button.click()
    cell.wait()
    expect(cell.input).to_have_count(0)
    lab.screenshot("interrupted-question")
    lab.cell(3).run()
    expect(lab.cell(3).stdout).to_have_text("next\n")

    cell = lab.cell(2)
    cell.start()
    cell.line.click()
    for line in ("one", "three"):
        expect(cell.line).to_be_focused()
        lab.page.keyboard.type(line)
        lab.page.keyboard.press("Enter")
        expect(cell.stdout).to_contain_text(f"{len(line)} characters")
    cell.eof_button.click()
    cell.wait()
    expect(cell.stdout).to_have_text("3 characters\n5 characters\nover\n")
    assert lab.page.evaluate(_COMMS) == 0


def test_a_narrow_pane(lab: Lab):
    """420 px: everything is in the pane; the whole output is one click away."""
    lab.server.write("narrow.ipynb", ["printf 'Password: '; read p", "seq 1 2000000"])
    lab.open("narrow.ipynb", alone=True)
    lab.page.set_viewport_size({"width": 420, "height": 800})
    cell = lab.cell(0)
    cell.start()
    expect(cell.line).to_be_focused()
    for part in (
        cell.live_bar,
        cell.line,
        cell.eof_button,
        cell.interrupt_button,
        cell.kill_button,
    ):
        place = box(part)
        assert place["x"] + place["width"] <= 420, place
    lab.screenshot("narrow")
    cell.interrupt_button.press("Enter")
    cell.wait()
    expect(cell.bar.locator('[role="status"]')).to_contain_text("interrupted")
    expect(cell.bar.locator('[role="status"]')).to_have_count(0)

    cell = lab.cell(1)
    cell.run()
    expect(cell.static_bar).to_contain_text("MiB left out")
    cell.bar.scroll_into_view_if_needed()
    lab.screenshot("narrow-log")
    with lab.page.expect_download() as downloading:
        cell.bar.get_by_role("link").click()
    assert downloading.value.path().stat().st_size == 14_888_896


def test_kill(lab: Lab):
    deaf = "trap '' INT TERM; echo deaf; while :; do sleep 1; done"
    lab.server.write("kill.ipynb", [deaf])
    lab.open("kill.ipynb")
    cell = lab.cell(0)
    cell.start()
    expect(cell.stdout).to_contain_text("deaf")
    expect(cell.live_bar).to_contain_text(re.compile(r"PID \d+ \(\d+ in the container\)"))
    assert box(cell.kill_button)["height"] == 22
    cell.interrupt_button.click()
    expect(cell.live_bar).to_contain_text("SIGTERM in")
    lab.screenshot("interrupting")
    cell.kill_button.click()
    cell.wait()
    expect(cell.static_bar).to_contain_text("killed, exit code 137 (SIGKILL)")
    expect(cell.error).to_contain_text("killed (SIGKILL)")


def test_status_docked(lab: Lab, host: str, debian: str, busybox: str):
    gate = Gate(host, busybox)
    cells = ["%status", f"cd /tmp; {gate.wait}; exit 3", "cat /etc/debian_version"]
    lab.server.write("status.ipynb", cells)
    lab.open("status.ipynb")
    lab.cell(0).start()
    panel = lab.cell(0).root.locator(".dexec-panel")
    expect(panel).to_contain_text("idle")
    lab.command("notebook:create-output-view")
    docked = lab.page.locator(".jp-LinkedOutputView .dexec-panel")
    expect(docked).to_contain_text("idle")

    cell = lab.cell(1)
    cell.start()
    expect(docked).to_contain_text("running")
    lab.screenshot("status-docked")
    gate.open()
    cell.wait()
    expect(docked).to_contain_text("exit code 3")
    expect(docked).to_contain_text("in /tmp")
    expect(panel).to_contain_text("exit code 3")

    choose(docked, debian)
    expect(chosen(panel)).to_contain_text(debian)
    lab.cell(2).run()
    expect(lab.cell(2).stdout).to_contain_text(re.compile(r"^\d+"))

    expect(docked).to_contain_text("idle")

    lab.use_theme("JupyterLab Dark")
    try:
        docked.get_by_role("button", name="Restart container").click()
        expect(docked.get_by_role("button", name=f"Restart {debian}")).to_be_visible()
        lab.screenshot("status-dark")
        docked.get_by_role("button", name="Cancel").click()
    finally:
        lab.use_theme("JupyterLab Light")
    expect(docked.get_by_role("button", name="Restart container")).to_be_visible()

    # The stored bar reads right without the kernel.
    lab.command("notebook:shutdown-kernel")
    expect(lab.page.get_by_text("No Kernel").first).to_be_visible()
    expect(lab.cell(0).static_bar).to_contain_text(f"kernel ended · {debian}")


def test_chooser_under_the_error(lab: Lab, debian: str):
    kernel = lab.server.add_kernel("choosing", {"DEXEC_CONTAINER": ""})
    lab.server.write("choose.ipynb", ["cat /etc/debian_version"], {"kernelspec": kernel})
    lab.open("choose.ipynb")
    cell = lab.cell(0)
    cell.run()
    expect(cell.error).to_contain_text("NotChosenError")
    choice = cell.root.get_by_role("combobox")
    expect(choice).to_be_visible()
    lab.screenshot("chooser")
    choose(cell.root, debian)
    # The choice runs the cell, in its own place.
    expect(cell.stdout).to_contain_text(re.compile(r"^\d+"))
    expect(cell.static_bar).to_contain_text("exit code 0")
    expect(cell.error).to_have_count(0)
    expect(choice).to_have_count(0)
    # The models of the choice end behind its last display.
    until(lambda: lab.page.evaluate(_COMMS) == 0)


def test_exported_page_offline(
    chromium: Browser, screenshots: Path, tmp_path: Path, host: str, busybox: str
):
    """A notebook run by nbclient and exported by nbconvert, in a browser without a network."""
    sources = ["sleep 0.3; echo slow", "exit 3", "%status"]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for cell in cells:
        cell.metadata["tags"] = ["raises-exception"]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    given = {"DOCKER_HOST": host, "DEXEC_CONTAINER": busybox}
    with patch.dict("os.environ", {**given, "DEXEC_HISTORY_FILE": ":memory:"}):
        NotebookClient(notebook, timeout=GUARD).execute()
    page, _ = HTMLExporter().from_notebook_node(notebook)
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    context = chromium.new_context(viewport={"width": 1000, "height": 500}, offline=True)
    try:
        opened = context.new_page()
        opened.goto(path.as_uri(), wait_until="domcontentloaded")
        bars = opened.locator(".dexec-bar")
        expect(bars).to_have_count(2)
        expect(bars.nth(0)).to_contain_text("exit code 0")
        expect(bars.nth(1)).to_contain_text("exit code 3")
        assert [box(bars.nth(index))["height"] for index in (0, 1)] == [22, 22]
        expect(opened.locator("body")).to_contain_text(f"container {busybox} (running)")
        opened.screenshot(path=screenshots / "exported-offline.png")
    finally:
        context.close()
