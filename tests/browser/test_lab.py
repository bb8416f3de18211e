"""The kernel in JupyterLab: its card, live output and bar, interrupts, stored notebooks."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from devtools import containers
from devtools.lab_page import Cell, Lab
from tests.gate import Gate
from tests.waiting import until


def pid_of(bar: str) -> int:
    found = re.search(r"PID (\d+)", bar)
    assert found, bar
    return int(found[1])


def luminance(cell: Cell) -> float:
    """How light the text of the bar is: 0 is black, 255 is white."""
    colour = cell.bar.evaluate("bar => getComputedStyle(bar).color")
    red, green, blue = map(float, re.findall(r"[\d.]+", colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_launcher_card_opens_a_notebook(lab: Lab):
    lab.open_launcher()
    card = lab.page.locator('.jp-LauncherCard[data-category="Notebook"]', has_text="dexec")
    expect(card).to_have_count(1)
    logo = card.locator("img")
    assert "/kernelspecs/dexec/logo-svg.svg" in (logo.get_attribute("src") or "")
    drawn = "image => image.decode().then(() => image.naturalWidth > 0)"
    assert logo.evaluate(drawn)
    lab.screenshot("launcher")

    card.click()
    lab.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    lab.wait_idle()
    cell = lab.cell(0)
    cell.root.locator(".cm-content").fill("echo from the launcher")
    cell.run()
    expect(cell.stdout).to_have_text("from the launcher\n")
    expect(cell.static_bar).to_contain_text("exit code 0")


def test_a_long_cell_is_seen_live(lab: Lab, host: str, busybox: str):
    first, second = (Gate(host, busybox) for _ in range(2))
    code = f"echo tick 1; {first.wait}; echo tick 2; {second.wait}; echo tick 3; exit 3"
    lab.server.write("live.ipynb", [code])
    lab.open("live.ipynb")
    cell = lab.cell(0)
    cell.start()

    cell.live_bar.wait_for()
    expect(cell.live_bar).to_contain_text(re.compile(r"running · .+ · PID \d+"))
    live_pid = pid_of(cell.bar_text())
    expect(cell.stdout).to_have_text("tick 1\n")
    live_place = cell.stdout.bounding_box()
    # Its clock goes on.
    expect(cell.live_bar).not_to_have_text(cell.live_bar.inner_text())
    first.open()
    expect(cell.stdout).to_have_text("tick 1\ntick 2\n")
    expect(cell.live_bar).to_contain_text("running")
    lab.screenshot("running")

    second.open()
    cell.wait()
    expect(cell.stdout).to_have_text("tick 1\ntick 2\ntick 3\n")
    expect(cell.static_bar).to_contain_text(re.compile(r"exit code 3 · \d"))
    expect(cell.error).to_contain_text("CommandFailed: exit code 3")
    expect(cell.interrupt_button).to_have_count(0)
    assert cell.stdout.bounding_box()["y"] == live_place["y"], "the output has jumped"
    [record] = lab.records("live.ipynb")
    assert record["pid"] == live_pid == pid_of(cell.bar_text())
    assert (record["state"], record["exit_code"]) == ("exited", 3)


def test_stdout_stderr_and_colours(lab: Lab):
    code = r"printf '\033[32mgreen\033[0m \033[1mbold\033[0m\n'; echo oops >&2"
    lab.server.write("streams.ipynb", [code])
    lab.open("streams.ipynb")
    cell = lab.cell(0)
    cell.run()
    expect(cell.stdout).to_have_text("green bold\n")
    expect(cell.stdout.locator(".ansi-green-fg")).to_have_text("green")
    expect(cell.stdout.locator(".ansi-bold")).to_have_text("bold")
    expect(cell.stderr).to_have_text("oops\n")
    # The bar is the cell's first output.
    expect(cell.root.locator(".jp-OutputArea-output").first.locator(".dexec-bar")).to_have_count(1)


@pytest.mark.parametrize("button", ["bar", "toolbar"])
def test_interrupt(lab: Lab, host: str, busybox: str, button: str):
    name = f"interrupt-{button}.ipynb"
    lab.server.write(name, ["echo begun; sleep 100000", "echo still here"])
    lab.open(name)
    cell = lab.cell(0)
    cell.start()
    expect(cell.stdout).to_contain_text("begun")
    cell.live_bar.wait_for()
    if button == "bar":
        cell.interrupt_button.click()
    else:
        lab.page.locator('.jp-Toolbar [data-command="notebook:interrupt-kernel"]').click()
    expect(cell.error).to_contain_text("KeyboardInterrupt")
    cell.wait()
    expect(cell.static_bar).to_contain_text("interrupted, exit code 130 (SIGINT)")
    until(lambda: "sleep 100000" not in [row["CMD"] for row in containers.top(host, busybox)])

    following = lab.cell(1)
    following.run()
    expect(following.stdout).to_have_text("still here\n")


def test_run_all_stops_at_a_failing_cell(lab: Lab):
    lab.server.write("stop.ipynb", ["echo one", "exit 3", "echo never", "echo never"])
    lab.open("stop.ipynb")
    lab.command("notebook:run-all-cells")
    expect(lab.cell(1).error).to_contain_text("CommandFailed: exit code 3")
    lab.wait_idle()
    expect(lab.cell(0).stdout).to_have_text("one\n")
    for index in (2, 3):
        lab.cell(index).wait()
        assert lab.cell(index).prompt == ""
        expect(lab.cell(index).root.locator(".jp-OutputArea-output")).to_have_count(0)


def test_bars_are_stored(lab: Lab, host: str, busybox: str):
    """Bars stay: kernel shut down, page loaded again, someone else's JupyterLab without kernel."""
    gate = Gate(host, busybox)
    lab.server.write("stored.ipynb", [f"{gate.wait}; echo slow", "exit 3"])
    lab.open("stored.ipynb")
    lab.cell(0).start()
    lab.cell(0).live_bar.wait_for()
    gate.open()
    lab.cell(0).wait()
    lab.cell(1).run()

    def check() -> None:
        expect(lab.cell(0).static_bar).to_contain_text("exit code 0")
        expect(lab.cell(1).static_bar).to_contain_text("exit code 3")
        for index in (0, 1):
            assert lab.cell(index).bar.bounding_box()["height"] == 22
        assert "Loading widget" not in lab.page.inner_text("body")

    lab.save()
    lab.command("notebook:shutdown-kernel")
    expect(lab.page.get_by_text("No Kernel").first).to_be_visible()
    check()
    lab.screenshot("stored-kernel-shut-down")
    # JupyterLab may have taken in more since, and would ask.
    lab.save()

    lab.command("application:close-all")
    expect(lab.page.locator(".jp-NotebookPanel")).to_have_count(0)
    lab.command("docmanager:open", path="stored.ipynb")
    check()

    lab.open("stored.ipynb")
    check()

    # Changed outside of JupyterLab, the notebook is not trusted, and its HTML is sanitised.
    notebook = lab.server.read("stored.ipynb")
    # For our language, JupyterLab would take our kernel.
    notebook.metadata = {"kernelspec": {"name": "gone", "display_name": "Gone", "language": "x"}}
    lab.server.write("foreign.ipynb", notebook.cells, notebook.metadata)
    lab.open("foreign.ipynb", kernel=False)
    dialog = lab.page.locator(".jp-Dialog")
    dialog.get_by_role("combobox").select_option(label="No Kernel")
    dialog.get_by_role("button", name="Select").click()
    expect(dialog).to_have_count(0)
    expect(lab.page.locator('.jp-Notebook [role="group"].dexec-bar')).to_have_count(0)
    check()


def test_dark_theme(lab: Lab):
    lab.server.write("dark.ipynb", ["echo light on dark", "sleep 60000"])
    lab.open("dark.ipynb")
    lab.cell(0).run()
    assert luminance(lab.cell(0)) < 60
    lab.use_theme("JupyterLab Dark")
    try:
        live = lab.cell(1)
        live.start()
        live.live_bar.wait_for()
        assert luminance(lab.cell(0)) > 190
        assert luminance(live) > 190
        lab.screenshot("dark")
        live.interrupt_button.click()
        live.wait()
    finally:
        # The theme is a setting of the server's.
        lab.use_theme("JupyterLab Light")
