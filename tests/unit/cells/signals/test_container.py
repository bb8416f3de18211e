from __future__ import annotations

import asyncio

import pytest

from dexec_kernel.cells.signals.container import ContainerSignaller
from dexec_kernel.errors import PolicyRefused, SignalError
from dexec_kernel.shell.commands import Shell
from tests.unit.support.fake_backend import FOREVER, FakeBackend, Script, err, out

LEADER = 17


async def test_container_signaller_reads_the_list_and_does_not_wait_for_the_end_of_the_stream():
    script = Script([out("17:4\n1"), err("noise 5\n"), out("8:5\n."), out("\n"), FOREVER])
    backend = FakeBackend(script)
    signaller = ContainerSignaller(backend, "c", Shell.SH, LEADER, user="me")
    assert await asyncio.wait_for(signaller.send("INT"), 1) == {17, 18}
    assert backend.configs[0].cmd[-2:] == ["INT", "17"]
    assert backend.configs[0].user == "me"
    assert backend.attached[0].closed


@pytest.mark.parametrize("steps", [[], [out("17\n")], [out("OCI runtime exec failed\r\n")]])
async def test_list_that_does_not_come_is_an_error(steps):
    signaller = ContainerSignaller(FakeBackend(Script(steps)), "c", Shell.SH, LEADER)
    with pytest.raises(SignalError, match="No signal could be sent"):
        await signaller.send("INT")


async def test_signal_that_is_not_delivered_in_time_is_an_error():
    backend = FakeBackend(Script([FOREVER]))
    signaller = ContainerSignaller(backend, "c", Shell.SH, LEADER, timeout=7)
    begin = asyncio.get_running_loop().time()
    with pytest.raises(SignalError, match="SIGTERM within 7 s"):
        await signaller.send("TERM")
    assert asyncio.get_running_loop().time() - begin == pytest.approx(7)
    assert backend.attached[0].closed


async def test_what_only_root_could_kill_goes_on_where_a_policy_keeps_root_out():
    refused = Script(create=PolicyRefused("no", setting="exec.users", file="p"))
    alive = [Script([out("17:4\n.\n")]) for _ in range(2)]
    backend = FakeBackend(*alive, refused)
    signaller = ContainerSignaller(backend, "c", Shell.SH, LEADER, user="me")
    assert await signaller.send("KILL") == {17}
    assert [config.user for config in backend.configs] == ["me", "me", "0"]


async def test_numbers_of_thousands_of_digits_are_no_processes():
    """A container may have replaced the programs that its processes are listed with."""
    digits = "9" * 5_000
    backend = FakeBackend(Script([out(f"{digits}:4\n17:{digits}\n18:5\n.\n")]))
    signaller = ContainerSignaller(backend, "c", Shell.SH, LEADER)
    assert await signaller.send("INT") == {18}
