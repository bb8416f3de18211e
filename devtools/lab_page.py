"""JupyterLab in a browser, for the browser tests and the screenshots: a server and a page object.

Notebooks are written to disk and opened as a user opens them. Cells are run by key and buttons by
mouse; the rest (save, close, theme) is done with JupyterLab's own commands.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from playwright.sync_api import FloatRect, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from devtools.ports import free_port
from devtools.stoppable import Stoppable

RECORD = "application/vnd.dexec.exec+json"

#: How a notebook's metadata name our kernel.
KERNEL = {"name": "dexec", "display_name": "Container (dexec)", "language": "bash"}
#: In milliseconds, as Playwright has it: longer than anything takes on a slow and busy machine.
_PATIENCE = 300_000
expect.set_options(timeout=_PATIENCE)
#: How many frames JupyterLab draws at most before it shows that a cell runs.
_FRAMES = 150
#: Runs a module whose kernels get ports of ours, in the place of any that the system has to give.
_PROGRAM = """import runpy, sys
sys.path.append(sys.argv.pop(1))
from devtools.kernel_ports import reserve_ports
reserve_ports()
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)"""
#: Server extensions that a bare server leaves out.
_PAGES = ("jupyterlab", "jupyter_lsp", "notebook", "notebook_shim", "jupyter_server_terminals")
#: Nothing of the developer's own set-up is for this JupyterLab.
_FOREIGN = ("JUPYTER", "IPYTHON", "DOCKER_", "DEXEC_", "XDG_")
#: Whether JupyterLab has been loaded, shows no dialog, and has not opened this notebook.
_IS_READY_FOR = """name => "jupyterapp" in window
    && !document.querySelector(".jp-Dialog, #jupyterlab-splash")
    && [...window.jupyterapp.shell.widgets("main")].every(one => one.context?.path !== name)"""
#: Whether a question of which kernel to use has been answered, or not asked.
SESSION_IS_READY = "() => window.jupyterapp.shell.currentWidget.sessionContext.ready.then(() => 0)"
#: Opens a notebook in the place of all others. Kernelspecs may be new since it was loaded.
_OPEN = """async path => {
    const app = window.jupyterapp;
    await app.serviceManager.kernelspecs.refreshSpecs();
    const opened = await app.commands.execute("docmanager:open", {path});
    for (const other of [...app.shell.widgets("main")]) if (other !== opened) other.dispose();
}"""
#: No question about news, no notification over a screenshot, no cursor that blinks.
_SETTINGS: dict[str, dict[str, Any]] = {
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "codemirror-extension/plugin": {"defaultConfig": {"cursorBlinkRate": 0}},
}


class LabStartError(Exception):
    """JupyterLab did not come up; the message has the tail of its log."""


class LabServer(Stoppable):
    """A JupyterLab server with settings and notebooks of its own; a context manager.

    ``directory`` is empty and gets everything; ``environment`` is added to the server's. A ``bare``
    server has our extension and no page, and starts sooner.
    """

    def __init__(
        self, directory: Path, environment: Mapping[str, str], *, bare: bool = False
    ) -> None:
        self.notebooks = directory / "notebooks"
        self.token = secrets.token_hex(16)
        self.url = ""
        self._directory = directory
        self._log = directory / "log"
        self._extra = dict(environment)
        self._is_bare = bare
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it listens. Raises LabStartError."""
        self.notebooks.mkdir(exist_ok=True)
        for name, values in _SETTINGS.items():
            path = self._directory / f"config/lab/user-settings/@jupyterlab/{name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".jupyterlab-settings").write_text(json.dumps(values))
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.notebooks,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us, and we stop it in order
            )
        self.url = self._wait(self._process)

    def stop(self) -> bool:
        """End the server, which ends its kernels first; return whether it took no SIGKILL."""
        if self._process is None:
            return True
        process, self._process = self._process, None
        process.terminate()
        try:
            process.wait(_PATIENCE / 1000)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False
        return True

    def log_tail(self, lines: int = 60) -> str:
        """Return the last lines of what the server has said."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def write(
        self,
        name: str,
        sources: Sequence[str | nbformat.NotebookNode],
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a notebook of code cells (given as text) and of ready cells, for our kernel."""
        v4 = nbformat.v4
        cells = [
            v4.new_code_cell(source) if isinstance(source, str) else source  # type: ignore[no-untyped-call]
            for source in sources
        ]
        given = metadata or {"kernelspec": KERNEL}
        notebook = v4.new_notebook(cells=cells, metadata=given)  # type: ignore[no-untyped-call]
        nbformat.write(notebook, self.notebooks / name)  # type: ignore[no-untyped-call]

    def add_kernel(
        self, name: str, environment: Mapping[str, str], *, title: str = ""
    ) -> dict[str, str]:
        """Add a kernelspec of ours with settings; return a notebook's metadata that names it."""
        given = {"name": name, "display_name": title or name, "language": "bash"}
        argv = [sys.executable, "-m", "dexec_kernel", "-f", "{connection_file}"]
        path = self._directory / f"data/kernels/{name}/kernel.json"
        path.parent.mkdir(parents=True)
        more = {"argv": argv, "interrupt_mode": "message", "env": dict(environment)}
        path.write_text(json.dumps({**given, **more}))
        return given

    def install_lab(self, folder: Path) -> None:
        """Give the launcher the card of a lab, with the command for it."""
        command = [sys.executable, "-c", "from dexec_kernel.cli import main; main()"]
        command += ["lab", "install", str(folder), "--user"]
        subprocess.run(command, check=True, env=self._environment(), stdin=subprocess.DEVNULL)

    def read(self, name: str) -> nbformat.NotebookNode:
        """Return a notebook as it is on disk."""
        path = self.notebooks / name
        notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        return notebook

    def _command(self) -> list[str]:
        module = "jupyter_server" if self._is_bare else "jupyterlab"
        root = Path(__file__).parent.parent
        command = [sys.executable, "-c", _PROGRAM, str(root), module, "--no-browser"]
        command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={free_port()}"]
        command.append(f"--IdentityProvider.token={self.token}")
        if self._is_bare:
            command += [f"--ServerApp.jpserver_extensions={name}=False" for name in _PAGES]
        else:
            command.append("--expose-app-in-browser")
            command.append("--JupyterNotebookApp.expose_app_in_browser=True")
        if os.getuid() == 0:
            command.append("--allow-root")
        return command

    def _environment(self) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        folders = {
            "HOME": self._directory,
            "JUPYTER_CONFIG_DIR": self._directory / "config",
            "JUPYTER_DATA_DIR": self._directory / "data",
            "JUPYTER_RUNTIME_DIR": self._directory / "runtime",
        }
        return {**mine, **{name: str(path) for name, path in folders.items()}, **self._extra}

    def _wait(self, process: subprocess.Popen[bytes], timeout: float = _PATIENCE / 1000) -> str:
        """Return the URL once the server listens, which it writes down somewhat earlier."""
        description = self._directory / f"runtime/jpserver-{process.pid}.json"
        deadline = time.monotonic() + timeout
        while process.poll() is None and time.monotonic() < deadline:
            if description.exists() and (text := description.read_text()).endswith("}"):
                port = int(json.loads(text)["port"])
                # The file may be there before the server listens.
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    return f"http://127.0.0.1:{port}"
            time.sleep(0.05)
        raise LabStartError(f"JupyterLab did not come up:\n{self.log_tail(15)}")


class Cell:
    """A cell of the notebook in front."""

    def __init__(self, page: Page, root: Locator) -> None:
        self.root = root
        self._page = page
        # A live bar has its text after a restart in it, unseen.
        self.bar = root.locator(".dexec-bar:not(.dexec-afterwards *)")
        self.live_bar = root.locator(".jupyter-widgets .dexec-bar:not(.dexec-afterwards *)")
        self.static_bar = root.locator(".jp-RenderedHTML .dexec-bar")
        self.interrupt_button = root.get_by_role("button", name="Interrupt")
        self.stop_button = root.get_by_role("button", name="Stop")
        self.eof_button = root.get_by_role("button", name="EOF")
        self.kill_button = root.get_by_role("button", name="Kill")
        #: The bar's own field for a line of stdin.
        self.line = root.locator(".dexec-field input")
        # JupyterLab shows a question that is answered for another half second.
        asking = root.locator(".jp-OutputArea-child:not(.jp-OutputArea-stdin-hiding)")
        #: JupyterLab's own field, which asks where the bar cannot.
        self.input = asking.locator(".jp-Stdin-input")
        self.stdout = self._output("stdout")
        self.stderr = self._output("stderr")
        # JupyterLab shows an error as it shows stderr; ours begin with the name in bold.
        self.error = self.stderr.filter(has=page.locator(".ansi-bold"))

    @property
    def prompt(self) -> str:
        """The text in the brackets: the number, ``*`` while it runs, or nothing."""
        return self.root.locator(".jp-InputPrompt").inner_text().strip("[]: \n")

    def bar_text(self) -> str:
        """Return the bar's text, as a screen reader has it."""
        return self.bar.get_attribute("aria-label") or ""

    def start(self) -> None:
        """Run the cell by key, and return as soon as it runs.

        JupyterLab sometimes swallows the first press after it has loaded. Whether it has is told
        by frames that it has drawn since, not by a time: on a busy machine both take longer.
        """
        before = self.prompt
        for _ in range(5):
            self.root.locator(".cm-content").click()
            self._page.keyboard.press("Control+Enter")
            for _ in range(_FRAMES):
                if self.prompt not in {before, ""}:
                    return
                self._page.evaluate("() => new Promise(requestAnimationFrame)")
        raise PlaywrightTimeout("JupyterLab does not run the cell")

    def answer(self, text: str) -> None:
        """Type a line into the field in the cell's bar, and Enter."""
        self.line.fill(text)
        self.line.press("Enter")

    def wait_replied(self, timeout: float = _PATIENCE) -> None:
        """Wait until the cell has its number, though background processes may live on."""
        prompt = self.root.locator(".jp-InputPrompt")
        expect(prompt).not_to_contain_text("*", timeout=timeout)

    def wait(self, timeout: float = _PATIENCE) -> None:
        """Wait until the cell has run, and its bar is no longer alive."""
        self.wait_replied(timeout)
        expect(self.live_bar).to_have_count(0)

    def run(self) -> None:
        """Run the cell to its end."""
        self.start()
        self.wait()

    def _output(self, kind: str) -> Locator:
        selector = f'.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.{kind}"]'
        return self.root.locator(selector)


class Lab:
    """JupyterLab in one page of a browser. Screenshots go into a folder, by name."""

    def __init__(self, page: Page, server: LabServer, screenshots: Path) -> None:
        self.page = page
        self.server = server
        self._screenshots = screenshots
        page.set_default_timeout(_PATIENCE)

    def open_launcher(self) -> None:
        """Open JupyterLab with nothing but the launcher."""
        self._go("lab?reset")
        self.page.locator(".jp-LauncherCard").first.wait_for()

    def open(self, name: str, *, alone: bool = False, kernel: bool = True) -> None:
        """Open a notebook with nothing beside it, and wait for its kernel.

        A JupyterLab that the page has loaded already takes it: loading costs ten times as much as
        all else. It is loaded again where it asks something, or has this notebook.
        ``alone`` is JupyterLab's simple interface, with nothing but the notebook.
        """
        if alone or not self._is_ready_for(name):
            self._go(f"{'doc' if alone else 'lab'}/tree/{quote(name)}?reset")
        else:
            self.page.evaluate(_OPEN, name)
        self.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
        if kernel:
            self.wait_idle()

    def _is_ready_for(self, name: str) -> bool:
        """Whether JupyterLab, with no notebook of that name, is in the page and asks nothing."""
        if not self.page.url.startswith(f"{self.server.url}/lab"):
            return False
        return bool(self.page.evaluate(_IS_READY_FOR, name))

    def wait_idle(self) -> None:
        """Wait until the kernel says that it is idle, and JupyterLab has taken that in.

        Before, JupyterLab may swallow a key, or ask which kernel to use.
        """
        self.page.evaluate(SESSION_IS_READY)
        indicator = self.page.locator(".jp-NotebookPanel .jp-Notebook-ExecutionIndicator")
        expect(indicator).to_have_attribute("data-status", "idle", timeout=_PATIENCE)

    def cell(self, index: int) -> Cell:
        """Return a cell of the notebook, counted from 0."""
        return Cell(self.page, self.page.locator(".jp-Notebook .jp-Cell").nth(index))

    def command(self, name: str, **arguments: Any) -> None:
        """Execute a command of JupyterLab's, and wait for it."""
        script = "([name, given]) => window.jupyterapp.commands.execute(name, given).then(() => 0)"
        self.page.evaluate(script, [name, arguments])

    def save(self) -> None:
        """Save the notebook in front."""
        self.command("docmanager:save")

    def records(self, name: str) -> list[dict[str, Any] | None]:
        """Save the notebook and return the record of each code cell, None without a record."""
        self.save()
        cells = [cell for cell in self.server.read(name).cells if cell.cell_type == "code"]
        found = []
        for cell in cells:
            bundles = [output.get("data", {}) for output in cell.outputs]
            found.append(next((data[RECORD] for data in bundles if RECORD in data), None))
        return found

    def seconds_to_scroll(self) -> float:
        """Scroll the notebook to its middle; return how long it takes until that is seen."""
        script = """async () => {
            const begin = performance.now();
            const frame = () => new Promise(done => requestAnimationFrame(done));
            const scroller = document.querySelector(".jp-Notebook .jp-WindowedPanel-outer");
            const wanted = Math.floor(scroller.scrollHeight / 2);
            scroller.scrollTop = wanted;
            await frame();
            await frame();
            if (scroller.scrollTop < 1) throw Error("the notebook does not scroll");
            return (performance.now() - begin) / 1000;
        }"""
        return float(self.page.evaluate(script))

    def use_theme(self, name: str) -> None:
        """Change the theme: ``JupyterLab Dark`` or ``JupyterLab Light``."""
        self.command("apputils:change-theme", theme=name)
        light = "true" if "Light" in name else "false"
        self.page.locator(f'body[data-jp-theme-light="{light}"]').wait_for(state="attached")

    def screenshot(self, name: str, clip: FloatRect | None = None) -> Path:
        """Take a screenshot of the page, or of a rectangle of it, and return its path."""
        path = self._screenshots / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, clip=clip, animations="disabled")
        return path

    def _go(self, where: str) -> None:
        self.page.goto(f"{self.server.url}/{where}&token={self.server.token}")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")
