"""JupyterLab in headless Chromium, with cells that run in a container of our own dockerd."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from devtools import browser
from devtools.kernel_ports import reserve_ports
from devtools.lab_page import Lab, LabServer
from devtools.notebook_page import NotebookPage

VIEWPORT: ViewportSize = {"width": 1200, "height": 800}

# JupyterLab waits 4 s for the states of widgets. If the kernel is slower after a restart, its bars
# keep the words that style sheets show, and no test is to depend on that.
PATIENT_WIDGETS = """const wait = window.setTimeout;
window.setTimeout = (call, time, ...more) => wait(call, time === 4000 ? 300000 : time, ...more)"""

# The scope is the module's: while Playwright's synchronous API is open, an event loop runs, and the
# asynchronous tests of other modules could not run theirs. The server is for all of them.


@pytest.fixture(scope="session", autouse=True)
def _surroundings(own_home: None) -> None:
    reserve_ports()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell of a failure what the pages ask, and what the server has said."""
    report = yield
    if report.failed:
        given = getattr(item, "funcargs", {}).values()
        for page in (one for one in given if isinstance(one, Lab | NotebookPage)):
            dialogs = page.page.locator(".jp-Dialog").all_inner_texts()
            report.sections += [("dialogs", "\n".join(dialogs)), ("URL", page.page.url)]
        for server in (one for one in given if isinstance(one, LabServer)):
            report.sections.append(("server", server.log_tail()))
    return report


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright, browser.launched(playwright) as found:
        yield found


@pytest.fixture(scope="session")
def server(
    host: str, busybox: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabServer]:
    environment = {"DOCKER_HOST": host, "DEXEC_CONTAINER": busybox}
    # A cell that the first signal ends gets no second one, however slow the machine is.
    environment["DEXEC_INTERRUPT_GRACE"] = "100000"
    with LabServer(tmp_path_factory.mktemp("lab"), environment) as running:
        yield running


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for screenshots: $DEXEC_SCREENSHOTS, or a temporary one."""
    wanted = os.environ.get("DEXEC_SCREENSHOTS")
    return Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")


@pytest.fixture(scope="module")
def lab_page(chromium: Browser) -> Iterator[Page]:
    """One page for the tests of a module: each of them would load all of JupyterLab again."""
    context = chromium.new_context(viewport=VIEWPORT)
    context.add_init_script(PATIENT_WIDGETS)
    yield context.new_page()
    context.close()


@pytest.fixture
def lab(
    lab_page: Page, server: LabServer, screenshots: Path, request: pytest.FixtureRequest
) -> Iterator[Lab]:
    """JupyterLab, with what the test before has left there. Its last state is a screenshot."""
    lab_page.set_viewport_size(VIEWPORT)
    lab = Lab(lab_page, server, screenshots)
    yield lab
    lab.screenshot(request.node.name)
