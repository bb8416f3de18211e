"""The answer to a front end that comes anew: this kernel's bars, and those of kernels before."""

from __future__ import annotations

import asyncio
import logging
import os

import pytest

from dexec_kernel.display.stored import FOLDER, BarFolder
from dexec_kernel.jupyter.bars import Bars

_ASK = {"header": {"session": "s"}, "content": {"data": {"method": "request_states"}}}


class FakeComm:
    def __init__(self):
        self.sent = asyncio.Queue()

    def on_msg(self, hear):
        self.hear = hear

    def send(self, data):
        self.sent.put_nowait(data)


@pytest.fixture(autouse=True)
def data_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_SESSION_NAME", "folder/a.ipynb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kernel(number: int) -> Bars:
    return Bars(f"/run/kernel-id{number}.json", logging.getLogger())


async def told(bars: Bars) -> dict:
    comm = FakeComm()
    bars.open_control(comm, _ASK)
    comm.hear({"content": {"data": {"method": "another"}}})
    comm.hear(_ASK)
    answer = await comm.sent.get()
    assert (answer["method"], answer["buffer_paths"]) == ("update_states", [])
    return answer["states"]


def keep(bars: Bars, letter: str, value: str, *, has_ended: bool = False) -> None:
    models = {letter: {"state": {"value": value}}}
    bars.keep(letter * 32, models, {"text/html": value}, has_ended=has_ended)


async def test_the_next_kernel_tells_of_the_bars_of_the_last(data_dir, monkeypatch):
    first = kernel(1)
    keep(first, "a", "killed")
    keep(first, "a", "over", has_ended=True)
    keep(first, "b", "killed")
    await first.aclose()
    again = kernel(1)
    states = {name: model["state"]["value"] for name, model in (await told(again)).items()}
    assert states == {"a": "over", "b": "killed"}
    assert again.asked == 1
    await again.aclose()
    stored = BarFolder(data_dir.joinpath(*FOLDER)).read("b" * 32)
    assert (stored.kernel_id, stored.pid, stored.has_ended) == ("id1", os.getpid(), False)
    monkeypatch.setenv("JPY_SESSION_NAME", "folder/b.ipynb")
    assert await told(kernel(3)) == {}


async def test_without_a_server_nothing_is_stored(data_dir, monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME")
    bars = kernel(1)
    keep(bars, "a", "over", has_ended=True)
    assert await told(bars) == {}
    await bars.aclose()
    assert list(data_dir.iterdir()) == []


async def test_a_page_that_asks_for_ids_and_then_for_each_state_is_told_the_same():
    first = kernel(1)
    keep(first, "a", "over", has_ended=True)
    await first.aclose()
    again = kernel(1)
    asked = {"content": {"comm_id": "a", "data": {"method": "request_state"}}}
    assert again.state_of(asked) is None
    assert await again.tell_ids() == ["a"]
    assert again.state_of(asked) == {"value": "over"}
    for key, method in (("b", "request_state"), ("a", "update")):
        other = {"content": {"comm_id": key, "data": {"method": method}}}
        assert again.state_of(other) is None
