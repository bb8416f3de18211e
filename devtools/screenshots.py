"""Make the pictures of the documentation, in docs/images: ``python -m devtools.screenshots``.

Those with pods are made by :mod:`devtools.screenshots_pods`.

They are of the real thing: JupyterLab in Chromium, cells in a container of a Docker engine.
"""

import re
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, expect, sync_playwright

from devtools import animation, browser, images, session
from devtools.lab_page import Lab, LabServer

_FOLDER = session.ROOT / "docs/images"
_WIDTH = 1200
_MARGIN = 12
_LARGEST = 300_000

_LOOP = """\
for n in 1 2 3 4 5; do
    echo "$(date +%T)  step $n of 5"
    sleep 1
done"""
_CELLS = (
    "grep PRETTY_NAME /etc/os-release\npython3 --version",
    _LOOP,
    "echo 42 files checked\nsleep 0.1\necho 1 file skipped >&2",
    "ls /srv/backups",
)


def main() -> None:
    """Make all of them."""
    with (
        session.engine() as host,
        session.container(host, images.DEBIAN, "web") as name,
        tempfile.TemporaryDirectory(prefix="dexec-screenshots-") as directory,
        LabServer(Path(directory), {"DOCKER_HOST": host, "DEXEC_CONTAINER": name}) as server,
        sync_playwright() as playwright,
        browser.launched(playwright) as chromium,
    ):
        animation.record(chromium, server)
        _launcher(new_lab(chromium, server, 560))
        _notebook(new_lab(chromium, server, 1000))
        _running(new_lab(chromium, server, 600))
        with session.container(host, images.BUSYBOX, "cache"):
            _status(new_lab(chromium, server, 600))
            _chooser(new_lab(chromium, server, 600))


def new_lab(chromium: Browser, server: LabServer, height: int) -> Lab:
    """Return a page of a height in pixels, whose pictures are those of the documentation."""
    page = chromium.new_page(
        viewport={"width": _WIDTH, "height": height}, device_scale_factor=2, color_scheme="light"
    )
    return Lab(page, server, _FOLDER)


def _launcher(lab: Lab) -> None:
    # The page shows the containers that the server had found when it was loaded.
    cards = lab.page.locator(".jp-LauncherCard", has_text="web (")
    for _ in range(5):
        lab.open_launcher()
        if cards.count():
            break
        lab.page.wait_for_timeout(1000)
    expect(cards.first).to_be_visible()
    hide_sides(lab)
    card = lab.page.locator(".jp-LauncherCard img[src*='/dexec/']").first
    card.evaluate("image => image.decode()")
    below = lab.page.locator(".jp-Launcher-section", has_text="Terminal").bounding_box()
    if below is None:
        raise RuntimeError("the launcher cannot be seen")
    report(lab.screenshot("launcher", {"x": 0, "y": 0, "width": _WIDTH, "height": below["y"]}))


def _notebook(lab: Lab) -> None:
    title = nbformat.v4.new_markdown_cell("### Nightly backup")  # type: ignore[no-untyped-call]
    lab.server.write("runbook.ipynb", [title, *_CELLS])
    lab.open("runbook.ipynb", alone=True)
    hide_sides(lab)
    for index in range(1, len(_CELLS) + 1):
        lab.cell(index).run()
    shoot_cells(lab, "notebook-light")
    lab.use_theme("JupyterLab Dark")
    shoot_cells(lab, "notebook-dark")
    lab.use_theme("JupyterLab Light")


def _running(lab: Lab) -> None:
    lab.server.write("running.ipynb", [_LOOP])
    lab.open("running.ipynb", alone=True)
    hide_sides(lab)
    cell = lab.cell(0)
    cell.start()
    expect(cell.live_bar).to_contain_text(re.compile(r"running · [2-5] s"))
    expect(cell.stdout).to_contain_text("step 3")
    shoot_cells(lab, "running")
    cell.wait()


def _status(lab: Lab) -> None:
    lab.server.write("status.ipynb", ["%status", "cd /etc\ngrep -c . passwd", _LOOP])
    lab.open("status.ipynb", alone=True)
    hide_sides(lab)
    lab.cell(0).start()
    panel = lab.cell(0).root.locator(".dexec-panel")
    expect(panel).to_contain_text("idle")
    lab.cell(1).run()
    cell = lab.cell(2)
    cell.start()
    expect(cell.stdout).to_contain_text("step 3")
    expect(panel).to_contain_text(re.compile(r"running · [2-5] s"))
    shoot_cells(lab, "status")
    cell.wait()


def _chooser(lab: Lab) -> None:
    # The list of a select element is drawn by the system, and in no screenshot.
    kernel = lab.server.add_kernel("any", {"DEXEC_CONTAINER": ""}, title="Container (dexec)")
    lab.server.write("choose.ipynb", ["python3 --version"], {"kernelspec": kernel})
    lab.open("choose.ipynb", alone=True)
    hide_sides(lab)
    cell = lab.cell(0)
    cell.run()
    expect(cell.root.get_by_role("combobox")).to_be_visible()
    shoot_cells(lab, "chooser")


def hide_sides(lab: Lab) -> None:
    """Leave the notebook, or the launcher, and the menu."""
    lab.command("statusbar:toggle")
    for side in ("left", "right"):
        lab.command("application:toggle-side-tabbar", side=side)
    if lab.page.locator("#jp-left-stack").is_visible():
        lab.command("application:toggle-left-area")


def shoot_cells(lab: Lab, name: str) -> None:
    """Take the notebook's toolbar and cells, and not the empty space below them."""
    page = lab.page
    # The pointer may rest on something that shows it.
    page.mouse.move(0, 0)
    panel = page.locator(".jp-NotebookPanel").bounding_box()
    last = page.locator(".jp-Notebook .jp-Cell").last.bounding_box()
    if panel is None or last is None:
        raise RuntimeError("the notebook cannot be seen")
    height = last["y"] + last["height"] + _MARGIN - panel["y"]
    if height > panel["height"]:
        raise RuntimeError(f"the notebook is higher than the page: {height} px")
    report(lab.screenshot(name, {**panel, "height": height}))


def report(path: Path) -> None:
    """Print a picture's size. Raises RuntimeError for one that is too large."""
    size = path.stat().st_size
    print(f"{path.relative_to(session.ROOT)}: {size // 1000} kB")
    if size > _LARGEST:
        raise RuntimeError(f"{path.name} is larger than {_LARGEST // 1000} kB")


if __name__ == "__main__":
    main()
