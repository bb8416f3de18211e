"""The contract of backends, kept by the one without an engine."""

from __future__ import annotations

import pytest

from dexec_kernel.local.backend import LocalBackend
from tests.contract.suite import ExecContract, Site, guard  # noqa: F401 -- a fixture


@pytest.fixture
async def site(real_time):
    async with LocalBackend() as backend:
        yield Site(backend, "local")


class TestLocal(ExecContract):
    """Every test of the contract."""
