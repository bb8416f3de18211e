"""Cells in pods, with both protocols, without a cluster: containerd's real exec server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from devtools import images
from devtools.kube.private import PrivateKube, missing_package
from tests.kernel.conftest import Kernel, starter
from tests.kernel.pod_cells import PodCells
from tests.kernel.pool import Pool


@pytest.fixture(scope="module")
def front() -> Iterator[PrivateKube]:
    if package := missing_package():
        pytest.skip(f"the package {package} is not installed")
    with PrivateKube() as front:
        front.run_pod("work", image=images.DEBIAN)
        front.run_pod("files", image=images.BUSYBOX)
        yield front


@pytest.fixture(scope="module")
def kube_pool(front: PrivateKube, fork_server) -> Iterator[Pool]:
    with starter("unix:///no/such/engine.sock", fork_server) as start:
        yield Pool(start)


class _OnFront(PodCells):
    protocol = ""

    @pytest.fixture
    def kernel(self, kube_pool: Pool, front: PrivateKube) -> Iterator[Kernel]:
        config = str(front.kubeconfig(self.protocol))
        with kube_pool.kernel(DEXEC_CONTAINER="kube:work", KUBECONFIG=config) as kernel:
            yield kernel

    @pytest.fixture
    def files_kernel(self, kube_pool: Pool, front: PrivateKube) -> Iterator[Kernel]:
        config = str(front.kubeconfig(self.protocol))
        with kube_pool.kernel(DEXEC_CONTAINER="kube:files", KUBECONFIG=config) as kernel:
            yield kernel

    @pytest.mark.parametrize("side", ["server", "client"])
    def test_a_cell_whose_line_breaks_is_lost_and_never_a_success(
        self, kernel: Kernel, front: PrivateKube, side: str
    ):
        def at(message: dict[str, Any]) -> None:
            if "begun" in message["content"].get("text", ""):
                front.switch(drop="default/work", side=side)

        result = kernel.run("echo begun; exec sleep 600", at=at)
        assert result.reply["ename"] == "ExecLost", result.reply
        assert "in the container" in result.reply["evalue"]
        assert result.record["state"] == "lost"
        assert kernel.run("pkill -f 'sleep 6[0]0'; echo on").text() == "on\n"


class TestV5(_OnFront):
    """The core, with a protocol that ends stdin."""

    protocol = "v5"

    def test_a_terminal_has_its_size_before_the_frame_of_the_size_arrives(
        self, kernel: Kernel, front: PrivateKube
    ):
        front.switch(keep_sizes=True)
        try:
            assert kernel.run("%%exec -t\nstty size").text() == "24 80\r\n"
            assert kernel.run("%%exec -t -- stty size").text() == "24 80\r\n"
        finally:
            front.switch(keep_sizes=False)


class TestV4(_OnFront):
    """The core, with a protocol that does not."""

    protocol = "v4"
