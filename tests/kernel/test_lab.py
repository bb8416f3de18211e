"""A lab's kernel: its container comes with the first cell, and goes with the kernel."""

from __future__ import annotations

import pytest

from devtools import api, containers, images
from tests.kernel.labs import containers_of, make_lab
from tests.waiting import until


@pytest.fixture(scope="module", autouse=True)
def _images(host):
    images.ensure_image(host, images.BUSYBOX)


def shown(result) -> str:
    """What a cell displays besides its record, as text."""
    return "\n".join(
        output["data"]["text/plain"]
        for output in result.outputs
        if output["kind"] == "display_data"
    )


def test_the_first_cell_makes_the_container_and_a_restart_keeps_it(start_kernel, host, tmp_path):
    folder = make_lab(tmp_path, setup="echo hello >/root/hello\n")
    kernel = start_kernel(arguments=(f"--lab={folder}",))
    assert kernel.reply(kernel.client.complete("%cont"))["matches"]
    kernel.reply(kernel.client.complete("cat /root/h"))
    assert kernel.run("").reply["status"] == "ok"
    assert containers_of(host) == {}
    result = kernel.run("cat /root/hello; id -u")
    assert result.text() == "hello\n0\n"
    assert "A lab · ready" in shown(result)
    assert "A lab" not in shown(kernel.run("echo mine >/root/mine; X=1"))
    [container] = containers_of(host)
    assert containers.inspect(host, container)["HostConfig"]["Memory"] == 128 << 20

    # All of its processes end, but for the main one; then that as well, by the engine's hand.
    kernel.run("kill -9 -1")
    result = kernel.run("cat /root/mine")
    assert (result.text(), "again" in shown(result)) == ("mine\n", False)
    api.call(host, "POST", f"/containers/{container}/kill")
    result = kernel.run("cat /root/mine")
    assert result.text() == "mine\n"
    assert "had stopped and was started again" in shown(result)

    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=120)
    result = kernel.run("cat /root/mine")
    assert result.text() == "mine\n"
    assert containers_of(host) == {container: "running"}
    kernel.manager.shutdown_kernel()
    until(lambda: containers_of(host) == {})
