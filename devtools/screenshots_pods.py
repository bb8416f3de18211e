"""Make the pictures of the guide to Kubernetes: ``python -m devtools.screenshots_pods``.

They are of JupyterLab in Chromium; the pods are those of :mod:`devtools.kube`.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from devtools import browser, images, session
from devtools.kube.private import PrivateKube
from devtools.lab_page import Lab, LabServer
from devtools.screenshots import hide_sides, new_lab, report, shoot_cells

_CELLS = (
    "grep PRETTY_NAME /etc/os-release\npython3 --version",
    'cd /tmp; build=$(date +%F)\nfor n in 1 2 3; do echo "step $n"; sleep 0.4; done',
    'echo "in $PWD, build $build"; exit 3',
    "%ps",
)
_OWNER = {"kind": "ReplicaSet", "name": "web-5d8f"}


def main() -> None:
    """Make all of them; with folders of notebooks as arguments, run these in a pod, too."""
    with (
        session.engine() as host,
        session.container(host, images.BUSYBOX, "cache"),
        PrivateKube() as kube,
        tempfile.TemporaryDirectory(prefix="dexec-screenshots-") as directory,
    ):
        labels = {"pod-template-hash": "5d8f"}
        kube.run_pod(
            "web-5d8f-x", namespace="lab", image=images.DEBIAN, owner=_OWNER, labels=labels
        )
        kube.run_pod("db-0", namespace="lab", owner={"kind": "StatefulSet", "name": "db"})
        environment = {
            "DOCKER_HOST": host,
            "KUBECONFIG": str(kube.kubeconfig(namespace="lab")),
            "DEXEC_CONTAINER": "kube:lab/deploy/web",
        }
        with (
            LabServer(Path(directory), environment) as server,
            sync_playwright() as playwright,
            browser.launched(playwright) as chromium,
        ):
            _launcher(new_lab(chromium, server, 560))
            _notebook(new_lab(chromium, server, 760))
            for notebook in map(Path, sys.argv[1:]):
                _whole(new_lab(chromium, server, 6000), notebook)


def _launcher(lab: Lab) -> None:
    cards = lab.page.locator(".jp-LauncherCard", has_text="pod lab")
    for _ in range(10):
        lab.open_launcher()
        if cards.count() > 3:  # noqa: PLR2004 -- two pods, each for notebooks and consoles
            break
        lab.page.wait_for_timeout(1000)
    expect(cards.first).to_be_visible()
    hide_sides(lab)
    below = lab.page.locator(".jp-Launcher-section", has_text="Terminal").bounding_box()
    if below is None:
        raise RuntimeError("the launcher cannot be seen")
    clip = {"x": 0.0, "y": 0.0, "width": below["x"] + below["width"], "height": below["y"]}
    report(lab.screenshot("kubernetes-launcher", clip))  # type: ignore[arg-type] # a rectangle


def _notebook(lab: Lab) -> None:
    lab.server.write("pod.ipynb", list(_CELLS))
    lab.open("pod.ipynb", alone=True)
    hide_sides(lab)
    for index in range(len(_CELLS)):
        lab.cell(index).run()
    shoot_cells(lab, "kubernetes")


def _whole(lab: Lab, notebook: Path) -> None:
    """Run a notebook's cells, and take a picture of all of it, beside the notebook's copy."""
    stored = lab.server.notebooks / notebook.name
    stored.write_bytes(notebook.read_bytes())
    lab.open(notebook.name, alone=True)
    for index, cell in enumerate(lab.server.read(notebook.name).cells):
        if cell.cell_type == "code" and "%container " not in cell.source:
            started = lab.cell(index)
            started.start()
            # Not to its end: what lives on in the background keeps its bar.
            started.wait_replied()
    path = Path(tempfile.gettempdir()) / f"{notebook.stem}-pod.png"
    lab.page.screenshot(path=path, full_page=True)
    print(path)


if __name__ == "__main__":
    main()
