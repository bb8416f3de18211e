"""The Jupyter server extension: puts the running containers into the kernel picker.

It adds folders of kernelspecs to the folders that the server's kernelspec manager searches, and
keeps them up to date from the events of the engine and of the cluster. Requests of a front end read
only these folders, so no request waits for either. It also mends bars: see
:mod:`dexec_kernel.picker.notebooks`.
Source: jupyter_server, "Server Extensions"; jupyter_client, ``KernelSpecManager.kernel_dirs``.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir
from jupyter_core.utils import ensure_async
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import Bool, List, TraitError, Unicode

from dexec_kernel.display.stored import FOLDER, BarFolder
from dexec_kernel.errors import DexecError
from dexec_kernel.kube.scope import VARIABLE as POD_VARIABLE
from dexec_kernel.kube.scope import PodScope, is_installed, pod_scope
from dexec_kernel.picker import logs
from dexec_kernel.picker.cards import Cards
from dexec_kernel.picker.filters import ContainerFilters, filters_of
from dexec_kernel.picker.folder import SpecFolder, remove_stale_specs
from dexec_kernel.picker.labs import sweep_labs
from dexec_kernel.picker.notebooks import NotebookBars
from dexec_kernel.policy.file import find_policy
from dexec_kernel.policy.rules import Policy
from dexec_kernel.served_logs import announce


class DexecPicker(ExtensionApp):
    """Containers in the kernel picker. Settings are ``c.DexecPicker…`` of the Jupyter server."""

    name = "dexec_kernel"
    description = "Running containers in Jupyter's kernel picker."

    enabled = Bool(default_value=True, help="Show containers in the kernel picker.").tag(
        config=True
    )
    labels = List(
        Unicode(),
        help="Show only containers with all of these labels, KEY or KEY=VALUE."
        " Variable: DEXEC_PICKER_LABELS.",
    ).tag(config=True)
    include = List(
        Unicode(),
        help="Show only containers whose name matches one of these patterns."
        " Variable: DEXEC_PICKER_INCLUDE.",
    ).tag(config=True)
    exclude = List(
        Unicode(),
        help="Do not show containers whose name matches one of these patterns."
        " Variable: DEXEC_PICKER_EXCLUDE.",
    ).tag(config=True)
    only_labelled = Bool(
        help="Show only containers with the label dexec.kernel=true."
        " Variable: DEXEC_PICKER_ONLY_LABELLED."
    ).tag(config=True)
    pods = Unicode(
        help="Which pods of the kubeconfig's current context to show: none; namespace, for those"
        " of the context's namespace; all, for all namespaces; auto, as namespace, unless a"
        " program that might ask a person gets the credentials. Default: auto."
        " Variable: DEXEC_PICKER_PODS."
    ).tag(config=True)

    def initialize_handlers(self) -> None:
        """Serve the logs of kernels. Called by jupyter_server."""
        self.handlers.extend(logs.handlers())

    def initialize_settings(self) -> None:
        """Begin, as soon as the server's event loop runs. Called by jupyter_server."""
        self._folder: SpecFolder | None = None
        self._task: asyncio.Task[None] | None = None
        if self.serverapp is not None:
            url = url_path_join(getattr(self.serverapp, "base_url", "/"), logs.ROUTE)
            announce(os.environ, url, logs.parent_of_logs())
        contents = getattr(self.serverapp, "contents_manager", None)
        if contents is not None:
            folder = BarFolder(Path(jupyter_data_dir(), *FOLDER))
            NotebookBars(folder, self._runs, self._has_kernel).serve(contents)
        if self.enabled and self.serverapp is not None:
            self.serverapp.io_loop.add_callback(self._begin)

    async def stop_extension(self) -> None:
        """End the task, and remove the kernelspecs. Called by jupyter_server."""
        self.enabled = False
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        folder, self._folder = self._folder, None
        if folder is not None:
            self._search(folder, [])
            await asyncio.to_thread(folder.close)

    def filters(self) -> ContainerFilters:
        """Return the filters from the settings, or from the environment for unset ones.

        Raises :class:`ConfigurationError`.
        """
        default = filters_of(os.environ)
        return ContainerFilters(
            labels=tuple(self.labels) or default.labels,
            include=tuple(self.include) or default.include,
            exclude=tuple(self.exclude) or default.exclude,
            only_labelled=self.only_labelled or default.only_labelled,
        )

    def _manager(self) -> Any:
        """Return the server's kernelspec manager, or None if it searches no folders."""
        manager = getattr(self.serverapp, "kernel_spec_manager", None)
        return manager if isinstance(getattr(manager, "kernel_dirs", None), list) else None

    def _search(self, folder: SpecFolder, searched: list[str]) -> None:
        """Have the server search these folders after all others, and no others of ``folder``."""
        manager = self._manager()
        if manager is not None:
            others = [path for path in manager.kernel_dirs if not folder.owns(path)]
            manager.kernel_dirs = [*others, *searched]

    def _runs(self, kernel_id: str) -> bool:
        """Return whether the server has a kernel of this id."""
        manager = getattr(self.serverapp, "kernel_manager", None)
        return manager is not None and kernel_id in manager

    async def _has_kernel(self, path: str) -> bool:
        """Return whether a kernel runs for a notebook, by its path in the server."""
        manager = getattr(self.serverapp, "session_manager", None)
        sessions = await ensure_async(manager.list_sessions()) if manager is not None else []
        return any(session["path"].strip("/") == path.strip("/") for session in sessions)

    async def _begin(self) -> None:
        if not self.enabled:
            return  # The server was stopped before it was up.
        manager = self._manager()
        if manager is None:
            self.log.warning(
                "dexec-kernel: the kernelspec manager of this server has no kernel_dirs, so that"
                " containers cannot be added to the kernel picker. `dexec-kernel sync` writes their"
                " kernelspecs to disk."
            )
            return
        try:
            filters, policy = self.filters(), await asyncio.to_thread(find_policy)
            scope = self.pod_scope()
            self._folder = await asyncio.to_thread(_make_folder)
        except (DexecError, OSError, TraitError) as error:
            self.log.warning("dexec-kernel: no containers in the kernel picker. %s", error)
            return
        cards = Cards(
            *(self._folder, filters, policy),
            show=partial(self._search, self._folder),
            kernels=self._kernels,
            log=self.log,
        )
        self._task = asyncio.create_task(self._keep_up_to_date(cards, scope, policy))

    def pod_scope(self) -> PodScope:
        """Return which pods are shown. Raises :class:`ConfigurationError`."""
        scope = pod_scope(self.pods or os.environ.get(POD_VARIABLE, ""))
        if scope is not PodScope.NONE and not is_installed():
            return PodScope.NONE  # The extra is not installed.
        return scope

    async def _keep_up_to_date(self, cards: Cards, scope: PodScope, policy: Policy) -> None:
        """Keep the folder up to date, and sweep after labs, until the task is cancelled."""
        try:
            async with asyncio.TaskGroup() as watches:
                watches.create_task(cards.follow_engine(os.environ))
                watches.create_task(
                    sweep_labs(
                        *(os.environ, policy),
                        kernels=self._kernel_ids,
                        specs=self._spec_names,
                        log=self.log,
                    )
                )
                if scope is not PodScope.NONE:
                    watches.create_task(cards.follow_pods(os.environ, scope))
        except Exception:
            self.log.exception("dexec-kernel: the kernel picker is no longer kept up to date.")
            raise

    def _kernel_ids(self) -> set[str]:
        """Return the ids of all kernels that the server has."""
        manager = getattr(self.serverapp, "kernel_manager", None)
        return set(manager.list_kernel_ids()) if manager is not None else set()

    def _spec_names(self) -> set[str]:
        """Return the names of all kernelspecs that the server finds."""
        manager = getattr(self.serverapp, "kernel_spec_manager", None)
        return set(manager.find_kernel_specs()) if manager is not None else set()

    async def _kernels(self) -> set[str]:
        """Return the names of the kernelspecs that the server's kernels run from."""
        manager = getattr(self.serverapp, "kernel_manager", None)
        models = await ensure_async(manager.list_kernels()) if manager is not None else []
        return {str(model["name"]) for model in models}


def _make_folder() -> SpecFolder:
    parent = Path(jupyter_runtime_dir()) / "dexec-picker"
    remove_stale_specs(parent)
    return SpecFolder(parent)
