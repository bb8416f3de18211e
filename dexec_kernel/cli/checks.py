"""The doctor's checks from the engine to a cell that runs, each resting on those before it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Mapping

from dexec_kernel.backend.models import ContainerInspect, Ping
from dexec_kernel.backend.protocol import WholeEngine
from dexec_kernel.backend.targets import find_container
from dexec_kernel.cells.limits import CellLimits
from dexec_kernel.cells.outcome import Exited, Failed, Outcome, Snapshot, describe_exit
from dexec_kernel.cells.output.text import Piece
from dexec_kernel.cells.run import CellRun
from dexec_kernel.cells.source.cell import Cell
from dexec_kernel.cells.workspace import Workspace, Workspaces
from dexec_kernel.cli import checks_swarm
from dexec_kernel.cli.checks_server import check_picker
from dexec_kernel.cli.findings import Finding, Verdict
from dexec_kernel.engine.client import NEWEST_API, EngineClient
from dexec_kernel.engine.endpoint import Endpoint, find_endpoint, probe
from dexec_kernel.engine.permission import permission_fix
from dexec_kernel.errors import (
    CommandNotStarted,
    ContainerNotFound,
    EngineUnavailable,
    NotChosenError,
)
from dexec_kernel.policy.engine import policed
from dexec_kernel.policy.file import find_policy
from dexec_kernel.shell.commands import Shell
from dexec_kernel.swarm.engine import SwarmEngine

_VARIABLE = "DEXEC_CONTAINER"
#: Checks of which nothing is said where they do not apply, or cannot be made.
OPTIONAL = frozenset({checks_swarm.NAME})
#: Prints the user's number where the image has an `id`, and succeeds in any shell.
_CELL = "id -u 2>/dev/null || :"
_INTERRUPT_GRACE = 2.0


class Patient:
    """The checks of an engine, a container and a cell, in order. Close it with :meth:`aclose`.

    ``container`` is None if the environment decides. Each check returns a :class:`Finding` or
    raises a :class:`DexecError`, which becomes one. A check may rely on the checks before it.
    """

    _endpoint: Endpoint
    #: The engine without its swarm.
    _bare: EngineClient
    _ping: Ping
    _container: ContainerInspect
    _snapshot: Snapshot

    def __init__(self, container: str | None, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._asked = container
        self._client: WholeEngine | None = None
        self._workspaces = Workspaces()
        self._printed = ""

    def checks(self) -> list[tuple[str, Callable[[], Awaitable[Finding | None]]]]:
        """Return the checks in their order, with their names.

        One that does not apply here finds None: see :data:`OPTIONAL`.
        """
        return [
            ("endpoint", self._find_endpoint),
            ("connection", self._connect),
            ("api", self._agree_on_version),
            (checks_swarm.NAME, self._look_at_nodes),
            ("picker", self._look_at_picker),
            ("container", self._choose_container),
            ("state", self._look_at_state),
            ("cell", self._run_cells),
            ("stdin", self._look_at_stdin),
            ("user", self._look_at_user),
        ]

    async def aclose(self) -> None:
        """Close what the checks have opened."""
        if self._client is not None:
            await self._client.aclose()

    @property
    def _engine(self) -> WholeEngine:
        assert self._client is not None  # noqa: S101 -- the check of the connection has made it
        return self._client

    @property
    def _workspace(self) -> Workspace:
        return self._workspaces.of(self._engine, self._container)

    @property
    def _tool(self) -> str:
        return "podman" if self._ping.is_podman else "docker"

    # --- the engine -----------------------------------------------------------------------------

    async def _find_endpoint(self) -> Finding:
        try:
            self._endpoint = await asyncio.to_thread(find_endpoint, self._environ)
        except EngineUnavailable as error:
            return Finding("endpoint", Verdict.FAILED, error.message, error.command_advice)
        find_policy().check_engine(self._endpoint.url)
        message = f"{self._endpoint.url}, from {self._endpoint.source}"
        return Finding("endpoint", Verdict.OK, message)

    async def _connect(self) -> Finding:
        endpoint = self._endpoint
        fault = await asyncio.to_thread(probe, endpoint) if endpoint.is_unix else ""
        if fault:
            fix = permission_fix(endpoint.path) if "permission" in fault else endpoint.advice
            return Finding("connection", Verdict.FAILED, f"{endpoint.path}: {fault}", fix)
        version = self._environ.get("DOCKER_API_VERSION", "")
        client = EngineClient(endpoint, api_version=version)
        policy = find_policy()
        self._bare = client
        engine = SwarmEngine(client, self._environ, check=policy.check_engine)
        self._client = policed(engine, policy)
        self._ping = await self._client.ping()
        server = self._ping.server.replace("Libpod/", "Podman/") or "an engine without a name"
        if self._ping.os_type != "linux":
            return Finding(
                "connection",
                Verdict.FAILED,
                f"{server} runs {self._ping.os_type} containers; cells need Linux containers",
                "Switch Docker Desktop to Linux containers.",
            )
        return Finding("connection", Verdict.OK, f"{server} answers")

    async def _agree_on_version(self) -> Finding:
        version = await self._engine.api_version()
        # A pinned version is only found to be wrong by a call that uses it.
        await self._engine.container_list()
        pinned = ", from DOCKER_API_VERSION" if "DOCKER_API_VERSION" in self._environ else ""
        message = (
            f"{version} is spoken{pinned} (the engine knows {self._ping.api_version}, we"
            f" {NEWEST_API})"
        )
        return Finding("api", Verdict.OK, message)

    async def _look_at_nodes(self) -> Finding | None:
        check = find_policy().check_engine
        return await checks_swarm.check_nodes(self._bare, self._environ, check=check)

    async def _look_at_picker(self) -> Finding:
        return check_picker(self._environ, await self._engine.container_list())

    # --- the container --------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        """The container's name, "" for the only one."""
        return self._asked or self._environ.get(_VARIABLE, "")

    async def _choose_container(self) -> Finding:
        name, source = self._name, "--container" if self._asked else _VARIABLE
        try:
            self._container = await find_container(self._engine, name)
        except NotChosenError as error:
            if not error.candidates:
                return Finding(
                    "container", Verdict.FAILED, error.message, await self._how_to_start()
                )
            return Finding(
                "container",
                Verdict.WARNING,
                f"{error.message}\nCells fail until one is: {', '.join(error.candidates)}",
                f"dexec-kernel doctor --container {shlex.quote(error.candidates[0])}",
                last=True,
            )
        except ContainerNotFound as error:
            message = f"{error.message[:-1]} ({source})"
            return Finding("container", Verdict.FAILED, message, error.command_advice)
        found = self._container
        also = f" ({name})" if name not in {"", found.name} else ""
        why = f"from {source}" if name else "the only running one"
        message = f"{found.name}{also}, {why}; image {found.image}"
        if found.note:
            message += f"\n{found.note}"
        return Finding("container", Verdict.OK, message)

    async def _how_to_start(self) -> str:
        """Return the command for a container that could be used, if there is one at all."""
        stopped = sorted(await self._engine.container_list(all=True), key=lambda item: item.name)
        if not stopped:
            return f"{self._tool} run -d --name work IMAGE sleep infinity"
        verb = "unpause" if stopped[0].state == "paused" else "start"
        return f"{self._tool} {verb} {stopped[0].name}"

    async def _look_at_state(self) -> Finding:
        container = self._container
        if container.paused:
            fix = f"{self._tool} unpause {container.name}"
            return Finding("state", Verdict.FAILED, "paused", fix)
        if not container.running:
            fix = f"{self._tool} start {container.name}"
            return Finding("state", Verdict.FAILED, "not running", fix)
        return Finding("state", Verdict.OK, "running")

    # --- a cell ---------------------------------------------------------------------------------

    async def _run_cells(self) -> Finding:
        outcome = await self._run_cell()
        shell = self._workspace.shell
        if shell is Shell.NONE:
            return Finding(
                "cell",
                Verdict.WARNING,
                "the image has no shell: a cell is one command line, without pipes or variables",
                "Use an image with a shell (sh is enough) where you want more.",
            )
        if isinstance(outcome, Failed):
            fix = outcome.error.command_advice
            if isinstance(outcome.error, CommandNotStarted) and outcome.error.engine_text:
                fix = f"{fix}\nThe engine's words: {outcome.error.engine_text}".strip()
            return Finding("cell", Verdict.FAILED, outcome.error.message, fix)
        if shell is not None and isinstance(outcome, Exited) and outcome.exit_code == 0:
            # Once more: the first has found out which shell there is.
            outcome = await self._run_cell()
        if not isinstance(outcome, Exited) or outcome.exit_code != 0 or shell is None:
            ending = "it did not end"
            if isinstance(outcome, Exited):
                ending = describe_exit(outcome.exit_code, outcome.reason)
            return Finding("cell", Verdict.FAILED, f"`{_CELL}` should succeed: {ending}")
        snapshot = self._snapshot
        pid = "unknown" if snapshot.pid is None else str(snapshot.pid)
        message = (
            f"ran in {shell.value} within {snapshot.duration * 1000:.0f} ms: exit code"
            f" {outcome.exit_code}, PID {pid}"
        )
        return Finding("cell", Verdict.OK, message)

    async def _run_cell(self) -> Outcome:
        printed = _Printed()
        limits = CellLimits(interrupt_grace=_INTERRUPT_GRACE)
        cell = CellRun(self._workspace, Cell(body=_CELL), limits, printed)
        outcome = await cell.run()
        self._snapshot, self._printed = cell.snapshot(), printed.stdout
        return outcome

    async def _look_at_stdin(self) -> Finding:
        if self._workspace.shell is Shell.NONE:
            return Finding("stdin", Verdict.SKIPPED, "not checked: the image has no shell")
        if not self._workspace.stdin_passes:
            return Finding(
                "stdin",
                Verdict.WARNING,
                "something between here and the engine passes no stdin on: it answers exec start"
                " without an upgrade. Cells up to 900,000 bytes still work",
                "Let the proxy pass `Connection: Upgrade`, or name the engine itself in"
                " DOCKER_HOST.",
            )
        return Finding("stdin", Verdict.OK, "passes (upgraded connection)")

    async def _look_at_user(self) -> Finding:
        user, number = self._snapshot.user or "unknown", self._printed.strip()
        who = f"{user} (uid {number})" if number.isdigit() and number != user else user
        return Finding("user", Verdict.OK, f"{who}, in the folder {self._snapshot.cwd}")


class _Printed:
    """Keeps what a cell prints on stdout."""

    def __init__(self) -> None:
        self.stdout = ""

    def printed(self, pieces: list[Piece]) -> None:
        self.stdout += "".join(piece.text for piece in pieces if piece.stream == "stdout")

    def changed(self) -> None:
        """Nobody looks at the cell while it runs."""
