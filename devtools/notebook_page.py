"""Notebook 7 in a browser, for the browser tests: its list of files, and a notebook in a page.

The server is that of JupyterLab (:mod:`lab_page`), which serves both.
"""

from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, expect

from devtools.lab_page import SESSION_IS_READY, Cell, LabServer

#: In milliseconds, as Playwright has it: longer than anything takes on a slow and busy machine.
_PATIENCE = 300_000


class NotebookPage:
    """Notebook 7 in one page of a browser. Screenshots go into a folder, by name."""

    def __init__(self, page: Page, server: LabServer, screenshots: Path) -> None:
        self.page = page
        self.server = server
        self._screenshots = screenshots
        page.set_default_timeout(_PATIENCE)

    def open_tree(self) -> None:
        """Open the list of files, with the menu of new notebooks."""
        self.page.goto(f"{self.server.url}/tree?token={self.server.token}")
        self.page.locator(".jp-DirListing-content").wait_for()

    def new_notebook(self, kernel: str) -> None:
        """Choose a kernel from the menu of new notebooks, and go to the notebook that it opens."""
        self.page.get_by_text("New", exact=True).first.click()
        with self.page.context.expect_page() as opened:
            self.page.get_by_role("menuitem", name=kernel).click()
        self._take(opened.value)

    def open(self, name: str) -> None:
        """Open a notebook and wait for its kernel."""
        self.page.goto(f"{self.server.url}/notebooks/{quote(name)}?token={self.server.token}")
        self._wait_idle()

    def cell(self, index: int) -> Cell:
        """Return a cell of the notebook, counted from 0."""
        return Cell(self.page, self.page.locator(".jp-Notebook .jp-Cell").nth(index))

    def screenshot(self, name: str) -> Path:
        """Take a screenshot of the page and return its path."""
        path = self._screenshots / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, animations="disabled")
        return path

    def _take(self, page: Page) -> None:
        page.set_default_timeout(_PATIENCE)
        self.page = page
        self._wait_idle()

    def _wait_idle(self) -> None:
        self.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
        self.page.evaluate(SESSION_IS_READY)
        indicator = self.page.locator(".jp-Notebook-ExecutionIndicator").first
        expect(indicator).to_have_attribute("data-status", "idle", timeout=_PATIENCE)
