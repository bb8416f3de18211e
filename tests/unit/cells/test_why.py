"""Why a process was killed, as far as anybody knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dexec_kernel.cells.why import cause_of
from dexec_kernel.errors import ContainerNotFound, EngineUnavailable
from tests.unit.support.fake_backend import CONTAINER

KILLED, TERMINATED = 137, 143
STARTED = replace(CONTAINER, started_at="today")


class Engine:
    """Knows one container, or raises."""

    def __init__(self, found, *, is_out_of_memory=False):
        self._found, self._is_out_of_memory = found, is_out_of_memory

    async def container_oom_since(self, _container_id, _since):
        return self._is_out_of_memory

    async def container_inspect(self, _container_id):
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


@pytest.mark.parametrize(
    ("engine", "exit_code", "cause"),
    [
        (Engine(STARTED), 0, ""),
        (Engine(STARTED), 1, ""),
        (Engine(STARTED), TERMINATED, "the guardian"),
        (Engine(STARTED), KILLED, "the guardian"),
        (Engine(STARTED, is_out_of_memory=True), KILLED, "out of memory"),
        (Engine(replace(STARTED, running=False)), KILLED, "the container stopped"),
        (Engine(replace(STARTED, started_at="now")), KILLED, "the container was restarted"),
        (Engine(ContainerNotFound.of("web")), KILLED, "the container was removed"),
        (Engine(EngineUnavailable("gone")), KILLED, "the guardian"),
    ],
)
async def test_a_suspicion_is_told_where_nothing_is_known(engine, exit_code, cause):
    suspicion = "the guardian"
    assert await cause_of(engine, STARTED, exit_code, since=1.0, suspicion=suspicion) == cause
