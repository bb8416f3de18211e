"""Notebooks with bars of cells that ran when they were saved, on their way through a server."""

from __future__ import annotations

import copy
import os
import socket
import subprocess
import sys

import pytest

from dexec_kernel.display.stored import BarFolder, StoredBar
from dexec_kernel.picker.notebooks import NotebookBars

VIEW = "application/vnd.jupyter.widget-view+json"
RECORD = "application/vnd.dexec.exec+json"
OVER = {"text/html": "over", RECORD: {"state": "exited"}}
ENDED, RUNS, KILLED, UNKNOWN, FAR, FAR_GONE = (letter * 32 for letter in "abcdef")


def output(bar_id: object, **more: object) -> dict:
    data = {VIEW: {"model_id": bar_id}, "text/html": "saved", **more}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def notebook(*outputs: object) -> dict:
    return {"nbformat": 4, "cells": [{"cell_type": "code", "outputs": list(outputs)}]}


def shown(book: dict) -> list[str]:
    """What each output shows: a widget, or its HTML."""
    found = book["cells"][0]["outputs"]
    return ["widget" if VIEW in one["data"] else one["data"]["text/html"] for one in found]


@pytest.fixture
def bars(tmp_path):
    folder = BarFolder(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    here, far = socket.gethostname(), "elsewhere.example"
    for bar_id, kernel_id, host, pid, has_ended in (
        (ENDED, "alive", here, os.getpid(), True),
        # Of another server of this machine.
        (RUNS, "other", here, os.getpid(), False),
        # The server has started the kernel again.
        (KILLED, "alive", here, process.pid, False),
        (FAR, "alive", far, process.pid, False),
        (FAR_GONE, "other", far, os.getpid(), False),
    ):
        folder.write(StoredBar(bar_id, "/a.ipynb", kernel_id, host, pid, has_ended, {}, OVER))

    async def has_kernel(path):
        return path == "a.ipynb"

    return NotebookBars(folder, lambda kernel_id: kernel_id == "alive", has_kernel)


@pytest.fixture
def book():
    ids = (ENDED, RUNS, KILLED, UNKNOWN)
    return notebook(*(output(bar_id, **{RECORD: {"state": "running"}}) for bar_id in ids))


def test_bars_that_have_ended_are_static_and_their_records_true(bars, book):
    bars.mend(book)
    assert shown(book) == ["over", "widget", "over", "widget"]
    outputs = book["cells"][0]["outputs"]
    assert [one["data"][RECORD]["state"] for one in outputs] == [
        *("exited", "running", "exited", "running")
    ]


def test_of_a_kernel_elsewhere_the_server_knows(bars):
    book = notebook(output(FAR), output(FAR_GONE))
    bars.mend(book)
    assert shown(book) == ["widget", "over"]


class AsyncManager:
    """A contents manager of a server, and what it hears of a hook."""

    def __init__(self, book):
        self.book = book

    def register_pre_save_hook(self, hook):
        self.hook = hook

    async def get(self, path, *, content=True, type=None):  # noqa: A002 -- jupyter_server's
        if not content:
            return {"type": "notebook", "path": path, "content": None}
        return {"type": type or "notebook", "path": path, "content": copy.deepcopy(self.book)}


class SyncManager(AsyncManager):
    def get(self, path, *, content=True, type=None):  # noqa: A002 -- jupyter_server's
        return {"type": type or "notebook", "path": path, "content": copy.deepcopy(self.book)}


async def test_a_notebook_is_mended_as_it_is_opened(bars, book):
    manager = AsyncManager(book)
    bars.serve(manager)
    with_kernel = await manager.get("a.ipynb")
    assert shown(with_kernel["content"]) == ["over", "widget", "over", "widget"]
    # No kernel can tell what became of the last.
    without = await manager.get("copy.ipynb", content=True)
    assert shown(without["content"]) == ["over", "widget", "over", "saved"]
    assert (await manager.get("a.ipynb", content=False))["content"] is None
    file = await manager.get("a.ipynb", type="file")
    assert shown(file["content"]) == ["widget"] * 4


def test_with_a_manager_that_is_not_asynchronous(bars, book):
    manager = SyncManager(book)
    bars.serve(manager)
    assert shown(manager.get("a.ipynb")["content"]) == ["over", "widget", "over", "widget"]


def test_a_notebook_is_mended_as_it_is_saved(bars, book):
    manager = AsyncManager(book)
    bars.serve(manager)
    model = {"type": "notebook", "content": book}
    manager.hook(model=model, path="a.ipynb", contents_manager=manager)
    assert shown(book) == ["over", "widget", "over", "widget"]


@pytest.mark.parametrize(
    "book",
    [
        *(None, [], {}, {"cells": None}, {"cells": [None, {}, {"outputs": None}]}),
        notebook(None, {}, {"data": None}, {"data": {"text/plain": ""}}),
        *(notebook(output(name)) for name in (None, 3, "", "../../x", [ENDED])),
        notebook({"data": {VIEW: "x"}}),
    ],
)
def test_whatever_else_a_notebook_is_stays(bars, book):
    before = copy.deepcopy(book)
    assert bars.mend(book) == []
    assert book == before
