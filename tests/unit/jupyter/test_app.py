"""The kernel's process: its log."""

from __future__ import annotations

import logging

import comm
import pytest

from dexec_kernel.jupyter.app import DexecKernelApp


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.ERROR])
def test_a_message_that_no_handler_takes_is_not_made(level):
    app = DexecKernelApp(log_level=level)
    app.drop_early()
    assert app.log.getEffectiveLevel() == level


def test_a_log_whose_messages_go_on_to_others_drops_nothing_for_them():
    app = DexecKernelApp(log_level=logging.ERROR)
    app.log.propagate = True
    app.drop_early()
    assert app.log.isEnabledFor(logging.DEBUG)


def test_a_comm_that_is_closed_twice_is_no_news(caplog):
    DexecKernelApp().drop_early()
    manager = comm.get_comm_manager()
    manager.comm_close(None, "", {"content": {"comm_id": "closed"}})
    assert caplog.messages == []
