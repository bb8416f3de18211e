"""The example lab in JupyterLab, as a student takes it: its card, its tasks, its checks."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import expect

from devtools import images
from devtools.lab_page import Lab
from dexec_kernel.grading.submission import read_submission
from tests.kernel.submissions import example_lab

SOLUTION = "mkdir -p ~/work/2024/notes ~/work/2024/drafts"


def test_a_student_takes_the_example_lab(lab: Lab, host: str, tmp_path: Path):
    images.ensure_image(host, images.DEBIAN)
    folder = example_lab(tmp_path)
    lab.server.install_lab(folder)
    paper = lab.server.notebooks / "linux-basics.ipynb"
    shutil.copy(folder / "lab.ipynb", paper)

    lab.open_launcher()
    card = lab.page.locator('.jp-LauncherCard[data-category="Notebook"]', has_text="Linux basics")
    expect(card).to_have_count(1)
    card.locator("img").evaluate("image => image.decode()")
    lab.screenshot("lab-launcher")

    lab.open(paper.name)
    look, work, check = lab.cell(1), lab.cell(3), lab.cell(4)
    look.run()
    expect(look.root).to_contain_text("Linux basics")
    expect(look.stdout).to_contain_text("student\n/home/student\n")

    check.start()
    check.wait_replied()
    expect(check.root).to_contain_text("There is no folder work in your home folder.")
    lab.screenshot("lab-not-yet")

    work.root.locator(".cm-content").fill(SOLUTION)
    work.run()
    check.start()
    check.wait_replied()
    expect(check.root).to_contain_text("Both folders are there.")
    lab.screenshot("lab-passed")

    # %lab, in a cell of its own: its buttons do as the magics do.
    look.root.locator(".cm-content").fill("%lab")
    look.start()
    panel = look.root.locator(".dexec-lab")
    expect(panel).to_contain_text("1 of")
    expect(panel.get_by_role("button", name="Check folders")).to_have_count(0)
    lab.screenshot("lab-panel")
    lab.page.set_viewport_size({"width": 700, "height": 900})
    lab.screenshot("lab-panel-narrow")
    panel.get_by_role("button", name="Check copy").click()
    expect(panel).to_contain_text("✗ not yet")
    expect(panel).to_contain_text("1 check")
    lab.screenshot("lab-panel-checked")
    panel.get_by_role("button").filter(has_text="Reset").click()
    expect(panel).to_contain_text("This removes your files and processes")
    lab.screenshot("lab-panel-reset")
    panel.get_by_role("button", name="Reset: remove its files").click()
    expect(panel).to_contain_text("The lab is as it was at the beginning")
    expect(panel.get_by_role("button").filter(has_text="Reset")).to_be_enabled()
    work.root.locator(".cm-content").fill("ls ~/work")
    work.start()
    expect(work.stderr.filter(has_text="No such file")).to_be_visible()

    lab.save()
    stored = read_submission(paper.read_bytes())
    assert stored.shown == {"folders": "passed"}
    assert "%lab" in [cell.source for cell in stored.cells]
