"""Containers in the kernel picker: cards in JupyterLab, and the main path in Notebook 7."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from devtools import containers, images
from devtools.lab_page import Lab
from devtools.notebook_page import NotebookPage
from tests.waiting import until

CARD = '.jp-LauncherCard[data-category="Notebook"]'
PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
NAMES = (
    *("cache", "build-agent-linux-amd64-01", "build-agent-linux-amd64-02"),
    "acme-platform-production-billing-worker",
)
SERVICES = (
    *(("shop", "db"), ("shop", "payment-gateway")),
    *(("acme-platform-staging", "billing-web"), ("acme-platform-staging", "billing-worker")),
)
#: Of each card its name and its mark, at one moment: one of a container that is gone may vanish.
CARDS = """cards => Promise.all(cards.map(async card => {
    const name = card.querySelector(".jp-LauncherCard-label").innerText
    const image = card.querySelector("img")
    await image.decode()
    return [name, await (await fetch(image.src)).text()]
}))"""
#: Of each card the text that would be cut off, in pixels.
CUT = """labels => labels.map(label => Math.max(
    label.scrollHeight - label.clientHeight, label.scrollWidth - label.clientWidth,
    label.firstChild.scrollHeight - label.firstChild.clientHeight))"""


@pytest.fixture
def notebook(
    chromium: Browser, lab: Lab, screenshots, request: pytest.FixtureRequest
) -> Iterator[NotebookPage]:
    """Notebook 7, served by the server of ``lab``. Its last state is a screenshot."""
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    page = NotebookPage(context.new_page(), lab.server, screenshots)
    yield page
    page.screenshot(f"{request.node.name}-notebook7")
    context.close()


def wait_for_kernel(page: Page, name: str) -> None:
    """Wait until the server has a kernelspec, which a page shows when it is loaded."""
    script = """name => fetch("/api/kernelspecs").then(answer => answer.json())
        .then(found => name in found.kernelspecs)"""
    until(lambda: page.evaluate(script, name))


def hostname(host: str, name: str) -> str:
    return containers.inspect(host, name)["Config"]["Hostname"]


def run_in_first_cell(page: Lab | NotebookPage, code: str):
    cell = page.cell(0)
    cell.root.locator(".cm-content").fill(code)
    cell.run()
    return cell


def test_a_container_that_starts_is_a_card_after_a_reload(
    lab: Lab, run_container: Callable[..., str], host: str
):
    # A name of its own: one that was there lately is shown as not running.
    name = f"fresh-{uuid.uuid4().hex[:4]}"
    shown, kernel = f"{name} (busybox:1)", f"dexec-{name}"
    stored = set(lab.server.notebooks.glob("Untitled*.ipynb"))
    lab.open_launcher()
    expect(lab.page.locator(CARD, has_text=name)).to_have_count(0)
    run_container(name=name)
    wait_for_kernel(lab.page, kernel)
    lab.page.reload()
    card = lab.page.locator(CARD, has_text=shown)
    expect(card).to_have_count(1)
    drawn = "image => image.decode().then(() => image.naturalWidth > 0)"
    assert card.locator("img").evaluate(drawn)
    lab.screenshot("picker-card")

    card.click()
    lab.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    lab.wait_idle()
    cell = run_in_first_cell(lab, "hostname; echo $((6 * 7))")
    expect(cell.stdout).to_have_text(f"{hostname(host, name)}\n42\n")
    expect(cell.static_bar).to_contain_text("exit code 0")
    # JupyterLab's own command would ask for a better name.
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save().then(() => 0)")
    [path] = set(lab.server.notebooks.glob("Untitled*.ipynb")) - stored
    kernelspec = lab.server.read(path.name).metadata.kernelspec
    assert (kernelspec.name, kernelspec.display_name) == (kernel, shown)
    lab.command("notebook:shutdown-kernel")

    # A container that is created again is the same kernel, and the notebook opens with it.
    containers.remove_container(host, name)
    containers.run_container(host, images.BUSYBOX, name)
    try:
        wait_for_kernel(lab.page, kernel)
        lab.open(path.name)
        cell = lab.cell(0)
        cell.run()
        expect(cell.stdout).to_contain_text(hostname(host, name))
    finally:
        containers.remove_container(host, name)


def test_many_containers_stay_readable(lab: Lab, run_container: Callable[..., str]):
    for name in NAMES:
        run_container(name=name)
    for project, service in SERVICES:
        labels = {PROJECT: project, SERVICE: service}
        run_container(name=f"{project}-{service}-1", labels=labels)
    run_container(name="lab3", labels={"dexec.display-name": "Lab 3: networking"})
    lab.open_launcher()
    wait_for_kernel(lab.page, "dexec-lab3")
    lab.page.reload()
    expect(lab.page.locator(CARD, has_text="Lab 3: networking")).to_have_count(1)
    labels = lab.page.locator(f"{CARD} .jp-LauncherCard-label")
    # A kernelspec that another test has written by hand has no mark.
    cards = lab.page.locator(CARD, has=lab.page.locator("img")).evaluate_all(CARDS)
    texts, marks = [name for name, _ in cards], {mark for _, mark in cards}
    assert len(set(texts)) == len(texts) >= len(NAMES) + len(SERVICES)
    assert texts[1] == "Container (dexec)", "it comes first, after Jupyter's own default"
    # Each has a mark of its own, in the browser's eyes too.
    assert len(marks) == len(cards)
    assert max(labels.evaluate_all(CUT)) <= 0
    # The services of a project stand side by side.
    projects = [text.partition(" / ")[0] for text in texts if " / " in text]
    assert [name for at, name in enumerate(projects) if name not in projects[:at]] == [
        name for at, name in enumerate(projects) if [name] != projects[at - 1 : at]
    ]
    lab.screenshot("picker-many")


def test_the_main_path_in_notebook_7(
    notebook: NotebookPage, run_container: Callable[..., str], host: str
):
    name = run_container(name="web", labels={PROJECT: "shop", SERVICE: "web"})
    notebook.open_tree()
    wait_for_kernel(notebook.page, "dexec-shop-web")
    notebook.page.reload()
    notebook.new_notebook("shop / web (busybox:1)")
    cell = run_in_first_cell(notebook, "hostname; exit 3")
    expect(cell.stdout).to_have_text(f"{hostname(host, name)}\n")
    expect(cell.static_bar).to_contain_text("exit code 3")
    expect(cell.error).to_contain_text("CommandFailed: exit code 3")
