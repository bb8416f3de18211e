"""Record the animation of the README, docs/images/tour.webp: ``python -m devtools.animation``.

It shows the real thing: JupyterLab in Chromium, and a container of a Docker engine. A container is
picked in the launcher, a cell is run, another one is interrupted. Only the pointer is drawn, since
a headless browser has none.
"""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from devtools import browser, images, session
from devtools.lab_page import Cell, Lab, LabServer

TARGET = session.ROOT / "docs/images/tour.webp"
#: In bytes: README pages load it at once.
LARGEST = 1_500_000

_WIDTH, _HEIGHT, _SCALE = 880, 520, 1.5
#: In milliseconds: how long a still picture is shown, and a picture of something that moves.
_STILL, _MOVING = 1100, 250
_FIRST = "id -un\ngrep PRETTY_NAME /etc/os-release"
_SECOND = """\
for n in $(seq 100); do
  echo "step $n of 100"
  sleep 0.5
done"""
_POINTER = """() => {
    const pointer = document.createElement("div");
    pointer.innerHTML = `<svg width="22" height="22" viewBox="0 0 22 22"><path
        d="M3 2 L3 17 L7 13.5 L9.7 19.5 L12.3 18.4 L9.6 12.5 L15 12.5 Z"
        fill="#111" stroke="#fff" stroke-width="1.4"/></svg>`;
    pointer.style.cssText = "position:fixed;left:0;top:0;z-index:99999;pointer-events:none;"
        + "transform:translate(600px,420px)";
    document.body.append(pointer);
    document.addEventListener("mousemove", event => {
        pointer.style.transform = `translate(${event.clientX - 3}px,${event.clientY - 2}px)`;
    }, true);
}"""


class Recorder:
    """Takes pictures of a page, each with the time that it is shown; equal ones become one."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._frames: list[Image.Image] = []
        self._durations: list[int] = []

    def take(self, milliseconds: int) -> None:
        """Add the page as it looks now. It is shown for this long."""
        picture = self._page.screenshot(scale="device")
        frame = Image.open(io.BytesIO(picture)).convert("RGB")
        if self._frames and _are_equal(self._frames[-1], frame):
            self._durations[-1] += milliseconds
        else:
            self._frames.append(frame)
            self._durations.append(milliseconds)

    def watch(self, times: int) -> None:
        """Take pictures of something that moves, at its own speed as far as the machine can."""
        for _ in range(times):
            self.take(_MOVING)
            self._page.wait_for_timeout(_MOVING - 100)

    def point(self, target: Locator) -> None:
        """Move the pointer onto something, in a few steps."""
        box = target.bounding_box()
        if box is None:
            raise RuntimeError(f"{target} cannot be seen")
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        old_x, old_y = self._pointer
        for part in (0.35, 0.75, 1.0):
            self._page.mouse.move(old_x + (x - old_x) * part, old_y + (y - old_y) * part)
            self.take(90)
        self._pointer = (x, y)

    def write(self, path: Path, *, last: int) -> None:
        """Write the animation, which runs for ever; the last picture stays for ``last`` ms more."""
        durations = [*self._durations[:-1], self._durations[-1] + last]
        self._frames[0].save(
            path,
            save_all=True,
            append_images=self._frames[1:],
            duration=durations,
            loop=0,
            quality=85,
            method=4,
            minimize_size=True,
        )
        seconds, size = sum(durations) / 1000, path.stat().st_size
        print(f"{path.name}: {len(durations)} pictures, {seconds:.0f} s, {size // 1000} kB")
        if size > LARGEST:
            raise RuntimeError(f"{path.name} is larger than {LARGEST // 1000} kB")

    _pointer: tuple[float, float] = (600.0, 420.0)


def record(chromium: Browser, server: LabServer, path: Path = TARGET) -> None:
    """Record the animation with a server for whose engine a container ``web`` runs."""
    page = chromium.new_page(
        viewport={"width": _WIDTH, "height": _HEIGHT}, device_scale_factor=_SCALE
    )
    lab = Lab(page, server, path.parent)
    card = _open_launcher(lab)
    page.evaluate(_POINTER)
    recorder = Recorder(page)
    recorder.take(_STILL)
    recorder.point(card)
    recorder.take(_STILL // 2)
    card.click()
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    lab.wait_idle()
    recorder.take(_STILL)

    _type(recorder, page, lab.cell(0), _FIRST.splitlines())
    page.keyboard.press("Shift+Enter")
    lab.cell(0).wait()
    recorder.take(_STILL * 2)

    second = lab.cell(1)
    _type(recorder, page, second, _SECOND.splitlines())
    page.keyboard.press("Control+Enter")
    expect(second.interrupt_button).to_be_visible()
    recorder.watch(8)
    recorder.point(second.interrupt_button)
    recorder.watch(2)
    second.interrupt_button.click()
    second.wait()
    recorder.take(_STILL)
    recorder.write(path, last=2500)
    page.close()


def _open_launcher(lab: Lab) -> Locator:
    """Open the launcher, without panels beside it, and return the card of the container."""
    card = lab.page.locator(".jp-Launcher-section", has_text="Notebook").locator(
        ".jp-LauncherCard", has_text="web ("
    )
    for _ in range(10):
        lab.open_launcher()
        if card.count():
            break
        # The page shows the containers that the server had found when it was loaded.
        lab.page.wait_for_timeout(1000)
    lab.command("statusbar:toggle")
    for side in ("left", "right"):
        lab.command("application:toggle-side-tabbar", side=side)
    if lab.page.locator("#jp-left-stack").is_visible():
        lab.command("application:toggle-left-area")
    expect(card.first).to_be_visible()
    lab.page.locator(".jp-LauncherCard img[src*='/dexec/']").first.evaluate("one => one.decode()")
    return card.first


def _type(recorder: Recorder, page: Page, cell: Cell, lines: Sequence[str]) -> None:
    """Type the lines, a picture for each. The editor itself indents the indented ones."""
    cell.root.locator(".cm-content").click()
    for number, line in enumerate(lines):
        page.keyboard.insert_text(("\n" if number else "") + line)
        recorder.take(350)


def _are_equal(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is None


def main() -> None:
    """Record it."""
    with (
        session.engine() as host,
        session.container(host, images.DEBIAN, "web") as name,
        tempfile.TemporaryDirectory(prefix="dexec-animation-") as directory,
        LabServer(Path(directory), {"DOCKER_HOST": host, "DEXEC_CONTAINER": name}) as server,
        sync_playwright() as playwright,
        browser.launched(playwright) as chromium,
    ):
        record(chromium, server)


if __name__ == "__main__":
    main()
