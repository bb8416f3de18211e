"""The receipt: it comes with the front end's answer, and leaves no comm behind."""

from __future__ import annotations

import asyncio
from typing import Any

import comm
import pytest

from dexec_kernel.jupyter.receipt import has_widgets, wait_for_receipt
from tests.waiting import waiting


class Messages:
    """Keeps what is published."""

    silent = False

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def publish(self, kind: str, content: dict[str, Any]) -> None:
        self.sent.append((kind, content))


@pytest.fixture(autouse=True)
def comms(monkeypatch):
    manager = comm.get_comm_manager()
    monkeypatch.setattr(manager, "comms", {})
    return manager


async def test_the_front_end_answers_by_closing_the_comm(comms):
    messages = Messages()
    task = await waiting(asyncio.create_task(wait_for_receipt(messages)))
    [(kind, content)] = messages.sent
    assert (kind, content["data"]) == ("comm_open", {})
    key = content["comm_id"]
    assert comms.comms[key].target_name == content["target_name"]
    message = {"content": {"comm_id": key, "data": {}}}
    comms.comm_msg(None, None, message)
    await waiting(task)
    comms.comm_close(None, None, message)
    await task
    assert comms.comms == {}
    assert len(messages.sent) == 1


async def test_one_that_never_answers_is_given_up(comms):
    task = await waiting(asyncio.create_task(wait_for_receipt(Messages())))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert comms.comms == {}


def test_widgets_are_known_by_their_comms(comms):
    assert not has_widgets()
    comms.comms["one"] = object()
    assert has_widgets()
