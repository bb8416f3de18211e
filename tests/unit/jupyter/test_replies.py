"""A request whose handling raises gets its reply all the same."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import pytest
from jupyter_client.session import Session

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.jupyter.kernel import DexecKernel
from dexec_kernel.jupyter.replies import EMPTY, answering

LOG = logging.getLogger("dexec-test")
REQUESTS = {
    "complete": {"code": "ec", "cursor_pos": 2},
    "execute": {"code": "echo"},
    "history": {"hist_access_type": "tail", "n": 1},
    "inspect": {"code": "echo", "cursor_pos": 2},
    "is_complete": {"code": "echo"},
}


class FakeSession(Session):
    """Keeps the messages that are sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = []

    def send(self, _stream, kind, content=None, parent=None, ident=None, **_more):
        self.sent.append((kind, content, ident))
        return {"content": content}


def raising(*_arguments: object, **_named: object) -> None:
    raise ZeroDivisionError("no")


@pytest.fixture
async def kernel():
    """A kernel with a service in which everything raises."""
    found = DexecKernel(session=FakeSession(), log=LOG)
    language = SimpleNamespace(complete=raising, inspect=raising, is_complete=raising)
    history = SimpleNamespace(store=raising)
    service = SimpleNamespace(
        language=language, history=history, find_history=raising, execute=raising
    )
    found._opening = asyncio.get_running_loop().create_future()
    found._opening.set_result(service)
    found._service = service
    found.get_parent = lambda _channel: {"header": {"msg_id": "1"}, "content": {}}
    yield found
    DexecKernel.clear_instance()


@pytest.mark.parametrize("kind", REQUESTS)
async def test_a_defect_is_an_error_reply_with_an_empty_answer(kernel, kind):
    request = {"header": {"msg_id": "1"}, "content": REQUESTS[kind], "metadata": {}}
    await kernel.shell_handlers[f"{kind}_request"](None, b"me", request)
    [(_, content, ident)] = [sent for sent in kernel.session.sent if sent[0] == f"{kind}_reply"]
    assert content["status"] == ("unknown" if kind == "is_complete" else "error")
    assert content["ename"] == "InternalError"
    assert "ZeroDivisionError: no" in content["evalue"]
    assert content.items() >= EMPTY[kind].items()
    assert ident == b"me"


@pytest.mark.parametrize("kind", REQUESTS)
async def test_a_request_without_its_content_is_answered(kernel, kind):
    request = {"header": {"msg_id": "1"}, "content": {"n": 1}, "metadata": {}}
    await kernel.shell_handlers[f"{kind}_request"](None, b"me", request)
    replies = [kind for kind, *_ in kernel.session.sent]
    # ipykernel itself drops a cell without code.
    assert replies == ([] if kind == "execute" else [f"{kind}_reply"])


async def test_an_answer_is_left_as_it_is_and_an_error_of_ours_has_its_name():
    sent = []

    async def answer(*_request):
        sent.append("answer")

    async def fail(*_request):
        raise ConfigurationError("wrong")

    def send(_stream, kind, content, _parent, _ident):
        sent.append((kind, content["ename"], content["evalue"]))

    for handle in (answer, fail):
        await answering("inspect", handle, send=send, log=LOG)(None, b"", {})
    assert sent == ["answer", ("inspect_reply", "ConfigurationError", "wrong")]


@pytest.mark.parametrize("kind", ["complete", "execute", "inspect", "is_complete"])
async def test_half_a_surrogate_pair_is_replaced_before_anybody_echoes_it(kind):
    heard = []

    async def handle(_stream, _identities, request):
        heard.append(request["content"]["code"])

    handler = answering(kind, handle, send=raising, log=LOG)
    for code in ("echo \ud800é", "echo é", "echo"):
        await handler(None, None, {"content": {"code": code}})
    assert heard == ["echo \ufffdé", "echo é", "echo"]
