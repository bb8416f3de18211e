"""The contract of backends, kept by the client of real engines: Docker's and Podman's."""

from __future__ import annotations

import pytest

from tests.contract.suite import ExecContract, Site, guard  # noqa: F401 -- a fixture


@pytest.fixture
async def site(place):
    return Site(place.client, place.container)


class TestEngines(ExecContract):
    """Every test of the contract, with either engine."""
