"""Cells of a kernel in the pods of a cluster."""

from __future__ import annotations

import pytest

from tests.kernel.conftest import Kernel, starter
from tests.kernel.pod_cells import PodCells
from tests.kernel.pool import Pool
from tests.kubernetes.conftest import CONFIG


@pytest.fixture(scope="session")
def pool(namespace, own_home):
    with starter("unix:///no/such/engine.sock") as start:
        yield Pool(start)


@pytest.fixture
def kernel(pool, pod):
    settings = {"DEXEC_CONTAINER": pod, "KUBECONFIG": CONFIG}
    with pool.kernel(**settings) as kernel:
        assert isinstance(kernel, Kernel)
        yield kernel


@pytest.fixture
def files_kernel(kernel):
    return kernel


class TestKubernetes(PodCells):
    """Every test of the core."""
