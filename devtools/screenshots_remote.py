"""Make the pictures of cells on other machines: ``python -m devtools.screenshots_remote``.

The notebooks of the tour run there first, in a task of a swarm and over ssh, and every cell has to
end as it should. With a folder as its argument it keeps pictures of them, too.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, sync_playwright

from devtools import browser, containers, images, session
from devtools.engine import PrivateEngine
from devtools.lab_page import Lab, LabServer
from devtools.screenshots import hide_sides, new_lab, shoot_cells
from devtools.sshd import PrivateSshd
from devtools.swarm import PrivateSwarm

_NOTEBOOKS = ("quickstart", "session")
_HOST = "engine.example.com"
_SWARM = (
    "%container swarm:web.2",
    'echo "slot 2 of web, on $HOSTNAME"\ncd /etc',
    'grep -c . passwd\necho "still in $PWD"',
    "%%exec -c swarm:agent.node1\nhostname",
    "%container swarm:wbe",
)
_SSH = ("uname -sr",)


def main() -> None:
    """Run the notebooks, and make the pictures."""
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with (
        tempfile.TemporaryDirectory(prefix="dexec-screenshots-") as directory,
        PrivateSshd() as sshd,
        sync_playwright() as playwright,
        browser.launched(playwright) as chromium,
    ):
        for name in ("swarm", "ssh"):
            (Path(directory) / name).mkdir()
        _swarm(chromium, sshd, Path(directory) / "swarm", kept)
        _ssh(chromium, sshd, Path(directory) / "ssh", kept)


def _swarm(chromium: Browser, sshd: PrivateSshd, folder: Path, kept: Path | None) -> None:
    with PrivateSwarm() as swarm:
        images.ensure_image(swarm.worker.host, images.DEBIAN)
        where = ["node.hostname==node2"]
        for name, replicas in (("tour", 1), ("web", 2)):
            swarm.create_service(name, replicas=replicas, constraints=where, image=images.DEBIAN)
            swarm.wait_for(name, replicas)
        swarm.create_service("first", constraints=where)
        swarm.wait_for("first")
        swarm.create_service("agent", replicas=None)
        swarm.wait_for("agent", 2)
        socket = swarm.worker.host.removeprefix("unix://")
        environment = {
            "DOCKER_HOST": swarm.manager.host,
            "DEXEC_CONTAINER": "swarm:first.1",
            "DEXEC_NODE_HOSTS": f"*=ssh://127.0.0.1:{sshd.port}{socket}",
            "PATH": sshd.path,
        }
        with LabServer(folder, environment) as server:
            _run_notebooks(chromium, server, "swarm", kept, {"dexec-demo-debian": "swarm:tour.1"})
            server.write("web.ipynb", _SWARM)
            _picture(chromium, server, "web.ipynb", "swarm")


def _ssh(chromium: Browser, sshd: PrivateSshd, folder: Path, kept: Path | None) -> None:
    with PrivateEngine() as engine, _container(engine.host) as name:
        socket = engine.host.removeprefix("unix://")
        machine = (
            f"HostName 127.0.0.1\n  Port {sshd.port}",
            f"HostKeyAlias [127.0.0.1]:{sshd.port}",
        )
        environment = {
            "DOCKER_HOST": f"ssh://{_HOST}{socket}",
            "DEXEC_CONTAINER": name,
            "PATH": sshd.client("named", *machine),
        }
        with LabServer(folder, environment) as server:
            _run_notebooks(chromium, server, "ssh", kept, {"dexec-demo-debian": name})
            stranger = sshd.client("stranger", *machine, "UserKnownHostsFile /dev/null")
            settings = {"PATH": stranger, "DOCKER_HOST": f"ssh://{_HOST}"}
            kernel = server.add_kernel("far", settings, title="web (container)")
            server.write("hello.ipynb", _SSH, {"kernelspec": kernel})
            _picture(chromium, server, "hello.ipynb", "ssh")


@contextmanager
def _container(host: str) -> Iterator[str]:
    images.ensure_image(host, images.DEBIAN)
    containers.run_container(host, images.DEBIAN, "web")
    yield "web"


def _run_notebooks(
    chromium: Browser,
    server: LabServer,
    label: str,
    kept: Path | None,
    names: Mapping[str, str],
) -> None:
    for name in _NOTEBOOKS:
        text = (session.ROOT / f"notebooks/{name}.ipynb").read_text()
        for old, new in names.items():
            text = text.replace(old, new)
        (server.notebooks / f"{name}.ipynb").write_text(text)
        lab = new_lab(chromium, server, 4000 if kept else 900)
        lab.open(f"{name}.ipynb", alone=True)
        hide_sides(lab)
        cells = server.read(f"{name}.ipynb").cells
        for index, cell in enumerate(cells):
            if cell.cell_type == "code":
                lab.cell(index).root.scroll_into_view_if_needed()
                lab.cell(index).start()
                # A process in the background outlives its cell.
                lab.cell(index).wait_replied()
        lab.save()
        _check(server.read(f"{name}.ipynb"), f"{name} ({label})")
        if kept:
            lab.page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0")
            lab.screenshot(str(kept.absolute() / f"{label}-{name}"))
        lab.page.close()


def _check(notebook: nbformat.NotebookNode, name: str) -> None:
    """Raise RuntimeError for a cell that has failed, unless it was to fail."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        has_failed = any(output.output_type == "error" for output in cell.outputs)
        if has_failed != ("raises-exception" in cell.metadata.get("tags", [])):
            raise RuntimeError(f"{name}: cell {number} ends otherwise: {cell.outputs}")
    print(f"{name}: every cell ends as it should")


def _picture(chromium: Browser, server: LabServer, notebook: str, name: str) -> None:
    lab: Lab = new_lab(chromium, server, 1000)
    lab.open(notebook, alone=True)
    hide_sides(lab)
    for index in range(len(server.read(notebook).cells)):
        lab.cell(index).run()
    shoot_cells(lab, name)
    lab.page.close()


if __name__ == "__main__":
    main()
