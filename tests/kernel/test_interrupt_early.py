"""An interrupt is never lost: before its cell has come, before the kernel is ready, at an engine
that hangs.
"""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from tests.kernel.conftest import environment
from tests.waiting import GUARD

#: A cell that ends by an interrupt, or not within the test's time.
ENDLESS = "sleep 3600"


def request(kernel: Any, kind: str, **content: Any) -> dict[str, Any]:
    """Make a message without sending it; its date is now."""
    return kernel.client.session.msg(kind, content)


def execute(kernel: Any, code: str, **content: Any) -> dict[str, Any]:
    defaults = {"silent": False, "store_history": True, "stop_on_error": True}
    return request(kernel, "execute_request", code=code, **(defaults | content))


def interrupt_first(kernel: Any, *cells: dict[str, Any]) -> None:
    """Send the cells after an interrupt that is dated later, and that the kernel has taken."""
    kernel.client.control_channel.send(request(kernel, "interrupt_request"))
    kernel.client.get_control_msg(timeout=GUARD)
    for cell in cells:
        kernel.client.shell_channel.send(cell)


def id_of(cell: dict[str, Any]) -> str:
    return cell["header"]["msg_id"]


def test_an_interrupt_that_overtakes_its_cell_ends_it_and_the_queue(kernel):
    first, second = execute(kernel, ENDLESS), execute(kernel, "echo second")
    interrupt_first(kernel, first, second)
    result = kernel.collect(id_of(first))
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert [error["ename"] for error in result.of("error")] == ["KeyboardInterrupt"]
    assert kernel.reply(id_of(second))["status"] == "aborted"
    assert kernel.run("echo later").text() == "later\n"


def test_it_ends_one_cell_where_errors_do_not_stop_the_queue(kernel):
    first = execute(kernel, ENDLESS, stop_on_error=False)
    second = execute(kernel, "echo second")
    interrupt_first(kernel, first, second)
    assert kernel.collect(id_of(first)).reply["ename"] == "KeyboardInterrupt"
    assert kernel.collect(id_of(second)).text() == "second\n"


def test_an_interrupt_of_nothing_leaves_the_next_cell_alone(kernel):
    interrupt_first(kernel)
    assert kernel.run("echo next").text() == "next\n"


def test_an_interrupt_before_the_kernel_is_ready_ends_its_first_cell(host, busybox):
    """Whatever the kernel is at: starting, importing, looking for the container, or the cell."""
    manager = KernelManager(kernel_name="dexec")
    manager.start_kernel(env=environment(host, DEXEC_CONTAINER=busybox))
    client = manager.client()
    client.start_channels()
    try:
        cell = client.execute(ENDLESS)
        manager.interrupt_kernel()
        while (reply := client.get_shell_msg(timeout=GUARD))["parent_header"]["msg_id"] != cell:
            pass
        assert reply["content"]["ename"] == "KeyboardInterrupt"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@pytest.mark.parametrize("container", ["web", ""])
def test_an_engine_that_hangs_leaves_the_interrupt_working(start_kernel, silent_engine, container):
    host, asked = silent_engine
    kernel = start_kernel(engine=host, DEXEC_CONTAINER=container, DEXEC_STANDBY="0")
    cell = kernel.send("echo never")
    assert asked.wait(GUARD)
    kernel.interrupt()
    assert kernel.collect(cell).reply["ename"] == "KeyboardInterrupt"
