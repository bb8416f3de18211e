"""Notebooks that were saved while a cell ran: opened and saved, their bars become true.

Such a notebook names a widget of a kernel. Once the cell has ended, or its kernel has, the static
bar takes the widget's place, with the record: no front end looks for a widget that is gone.
Source: jupyter_server, ``ContentsManager.get`` and ``register_pre_save_hook``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from inspect import isawaitable
from typing import Any

from dexec_kernel.display.stored import BarFolder, StoredBar, is_gone

_RECORD = "application/vnd.dexec.exec+json"
_VIEW = "application/vnd.jupyter.widget-view+json"


class NotebookBars:
    """Mends the bars of notebooks.

    ``runs`` tells of a kernel's id whether the kernel runs, ``has_kernel`` of a notebook's path
    whether one runs for it.
    """

    def __init__(
        self,
        folder: BarFolder,
        runs: Callable[[str], bool],
        has_kernel: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._folder = folder
        self._runs = runs
        self._has_kernel = has_kernel

    def serve(self, manager: Any) -> None:
        """Mend what a contents manager opens and saves, from here on."""
        opening = manager.get

        def get(*values: Any, **named: Any) -> Any:
            found = opening(*values, **named)
            return self._opened_later(found) if isawaitable(found) else self._opened(found)

        manager.get = get
        manager.register_pre_save_hook(self._saving)

    def mend(self, notebook: Any) -> list[dict[str, Any]]:
        """Replace the widgets of bars that have come to their end, in place.

        Return the data of the bars that nothing is known of here.
        """
        unknown = []
        for output in _outputs(notebook):
            data = output["data"]
            view = data[_VIEW]
            bar_id = view.get("model_id") if isinstance(view, dict) else None
            bar = self._folder.read(bar_id) if isinstance(bar_id, str) else None
            if bar is not None and (bar.has_ended or self._is_gone(bar)):
                output["data"] = dict(bar.data)
            elif bar is None and _RECORD in data:
                unknown.append(data)
        return unknown

    def _is_gone(self, bar: StoredBar) -> bool:
        """Return whether the kernel of a bar is gone, as far as is known here."""
        gone = is_gone(bar)
        return not self._runs(bar.kernel_id) if gone is None else gone

    def _saving(self, *, model: Any, **_more: Any) -> None:
        self._opened(model)

    def _opened(self, model: Any) -> Any:
        if isinstance(model, dict) and model.get("type") == "notebook":
            self.mend(model.get("content"))
        return model

    async def _opened_later(self, found: Awaitable[Any]) -> Any:
        model = await found
        if not isinstance(model, dict) or model.get("type") != "notebook":
            return model
        unknown = self.mend(model.get("content"))
        # Of another machine, or very old. A kernel may be there that knows them.
        if unknown and not await self._has_kernel(str(model.get("path", ""))):
            for data in unknown:
                del data[_VIEW]
        return model


def _outputs(notebook: Any) -> Iterator[dict[str, Any]]:
    """Yield the outputs that show a widget, whatever else a notebook may be."""
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    for cell in cells if isinstance(cells, list) else []:
        outputs = cell.get("outputs") if isinstance(cell, dict) else None
        for output in outputs if isinstance(outputs, list) else []:
            data = output.get("data") if isinstance(output, dict) else None
            if isinstance(data, dict) and _VIEW in data:
                yield output
