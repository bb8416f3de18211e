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

    lab.save()
    stored = read_submission(paper.read_bytes())
    assert stored.shown == {"folders": "passed"}
    assert SOLUTION in [cell.source for cell in stored.cells]
