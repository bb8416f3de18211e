"""Sessions of cells with faults at places that hypothesis draws. DEXEC_FUZZ=1 draws others, more.

``DEXEC_FUZZ=1 .venv/bin/python -m pytest -n 0 tests/engine/test_fault_sessions.py``
runs for long.
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dexec_kernel.cells.outcome import Exited
from dexec_kernel.cells.source.options import CellOptions
from tests import faults
from tests.engine.sessions import Session, proxied
from tests.faulty_proxy import FaultyProxy, Kind
from tests.fuzzing import IS_FUZZING, examples

#: A fault of an answer: the kind of request, the fault, how many are passed on before, how many it
#: meets. A fault of a stream: the fault, its frame's number. One of the standbys: the fault.
Fault: TypeAlias = tuple[str, Kind, str, int, int] | tuple[str, str, int] | tuple[str, str]
KINDS = [Kind.PING, Kind.LOOK, Kind.CREATE, Kind.START, Kind.INSPECT]

_answers = st.tuples(
    st.just("answer"),
    st.sampled_from(KINDS),
    st.sampled_from(sorted(faults.ANSWERS)),
    st.integers(0, 2),
    st.integers(1, 3),
)
_streams = st.tuples(st.just("stream"), st.sampled_from(sorted(faults.CUTS)), st.integers(0, 6))
_standbys = st.tuples(st.just("standby"), st.sampled_from(sorted(faults.CUTS)))
_options = st.sampled_from(
    [
        CellOptions(),
        CellOptions(),
        CellOptions(env={"A": "b"}),
        CellOptions(workdir="/tmp"),
        CellOptions(command=("sh",)),
    ]
)
#: A cell: the faults that come with it, its exit code, its options, whether a standby is started.
_cells = st.tuples(
    st.lists(_answers | _streams | _standbys, max_size=2),
    st.sampled_from([0, 3, 126]),
    _options,
    st.booleans(),
)


def spoil(proxy: FaultyProxy, fault: Fault) -> None:
    match fault:
        case ("answer", Kind() as kind, str(name), int(skip), int(times)):
            proxy.spoil(kind, faults.ANSWERS[name], skip=skip, times=times)
        case ("stream", str(name), int(skip)):
            proxy.spoil_stream(faults.CUTS[name], skip=skip)
        case (_, name):
            proxy.spoil_now(faults.CUTS[name])


async def run_session(host: str, container: str, cells: list[object], *, tcp: bool) -> None:
    async with proxied(host, container, tcp=tcp, standbys=1, tidies=True) as (proxy, session):
        for found, code, options, is_prepared in cells:  # type: ignore[misc] # as drawn
            await run_cell(proxy, session, found, code, options, prepared=is_prepared)
        proxy.heal()
        ran = await session.run(code=7)
        assert ran.outcome == Exited(7, "")
        await ran.check()


async def run_cell(
    proxy: FaultyProxy,
    session: Session,
    found: list[Fault],
    code: int,
    options: CellOptions,
    *,
    prepared: bool,
) -> None:
    for fault in found:
        spoil(proxy, fault)
    # A command that ends within a moment of a cut cannot be told from one that has ended before.
    pause = "sleep 0.4" if options.command else "sleep 0.02"
    ran = await session.run(code=code, options=options, pause=pause)
    proxy.heal()
    await ran.check()
    if prepared:
        await session.prepare()


@settings(
    max_examples=examples(6),
    deadline=None,
    derandomize=not IS_FUZZING,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(cells=st.lists(_cells, min_size=1, max_size=4), tcp=st.booleans())
def test_session(host, debian, cells, tcp):
    asyncio.run(run_session(host, debian, cells, tcp=tcp))
