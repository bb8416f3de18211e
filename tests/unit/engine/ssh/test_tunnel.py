"""The process, with a script in the place of ssh; ``tests/engine/test_ssh.py`` has a real one."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from dexec_kernel.engine.ssh import tunnel as module
from dexec_kernel.engine.ssh.destination import SshDestination
from dexec_kernel.engine.ssh.tunnel import SshTunnel
from dexec_kernel.errors import EngineUnavailable

FAR = SshDestination("far", "me")
#: Makes the near end as ssh does: the word after -L, up to the colon.
_FORWARD = 'while [ "$1" != -L ]; do shift; done; : > "${2%%:*}"'


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """Put a script in the place of ssh."""

    def put(script: str, version: str = "OpenSSH_9.2p1 Debian-2") -> None:
        file = tmp_path / "ssh"
        known = f'[ "$1" = -V ] && echo \'{version}\' >&2 && exit\n[ "$1" = -O ] && exit'
        file.write_text(f"#!/bin/sh\n{known}\n{script}\n")
        file.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    return put


async def test_a_tunnel_is_closed_with_all_that_belongs_to_it(ssh, tmp_path):
    given = tmp_path / "given"
    ssh(f'echo "$SSH_ASKPASS_REQUIRE $*" >{given}; {_FORWARD}; exec sleep 1000')
    tunnel = await SshTunnel.open(FAR)
    folder = Path(tunnel.path).parent
    assert tunnel.is_up
    said = given.read_text()
    assert said.startswith("never ")
    assert "BatchMode=yes" in said
    assert said.endswith(f"-L {tunnel.path}:/var/run/docker.sock -l me -- far cat\n")
    assert os.stat(folder).st_mode & 0o777 == 0o700  # noqa: PTH116 -- one look
    await tunnel.aclose()
    await tunnel.aclose()
    assert not tunnel.is_up
    while folder.exists():  # noqa: ASYNC110 -- the shell beside ssh removes it
        await asyncio.sleep(0.02)


async def test_an_ssh_that_does_not_end_is_killed(ssh):
    ssh(f"trap '' TERM; {_FORWARD}; while :; do sleep 1000; done")
    tunnel = await SshTunnel.open(FAR)
    await tunnel.aclose()
    assert not tunnel.is_up


async def test_the_end_of_ssh_is_noticed(ssh):
    ssh(f"echo gone >&2; {_FORWARD}; exec sleep 1000")
    tunnel = await SshTunnel.open(FAR)
    os.kill(tunnel._process.pid, 9)
    while tunnel.is_up:  # noqa: ASYNC110 -- a process tells nobody
        await asyncio.sleep(0.02)
    assert tunnel.words().last == "gone"
    await tunnel.aclose()


@pytest.mark.parametrize(
    "refusal",
    [
        "exit 1",
        "echo 'channel 0: open failed: refused' >&2; exit 255",
        "echo 'Cannot execute command-line and remote command.' >&2; exit 255",
    ],
)
async def test_without_a_command_where_none_may_be_run(ssh, refusal):
    ssh(f'for word; do :; done; [ "$word" = cat ] && {{ {refusal}; }}; {_FORWARD}; exec sleep 1000')
    tunnel = await SshTunnel.open(FAR)
    assert tunnel.is_up
    await tunnel.aclose()


async def test_the_command_waits_for_the_end_of_its_stdin(ssh):
    ssh(f"{_FORWARD}; exec cat")
    tunnel = await SshTunnel.open(FAR)
    assert tunnel.is_up
    await tunnel.aclose()


@pytest.mark.parametrize("said", ["Permission denied.", ""])
async def test_the_end_of_ssh_before_it_listens_is_an_error(ssh, said):
    ssh(f"echo '{said}' >&2; exit 255")
    with pytest.raises(EngineUnavailable) as caught:
        await SshTunnel.open(FAR)
    reason = said or "it ended at once."
    assert caught.value.message == f"The engine at ssh://me@far cannot be reached. ssh: {reason}"


async def test_an_ssh_that_hangs_is_ended(ssh, monkeypatch):
    ssh("exec sleep 1000")
    monkeypatch.setattr(module, "TIMEOUT", 0.0)
    with pytest.raises(EngineUnavailable, match="ssh: no connection within 0 s") as caught:
        await SshTunnel.open(FAR)
    assert "must work without a question" in caught.value.advice


async def test_a_server_that_turns_connections_away_is_tried_again(ssh, tmp_path):
    count = tmp_path / "count"
    turned = f"echo . >>{count}; [ $(wc -l <{count}) -lt 4 ] && {{ {{0}}; exit 255; }}"
    away = "echo 'kex_exchange_identification: Connection closed by remote host' >&2"
    ssh(f"{turned.replace('{0}', away)}; {_FORWARD}; exec sleep 1000")
    tunnel = await SshTunnel.open(FAR)
    assert tunnel.is_up
    await tunnel.aclose()
    ssh(f"echo . >>{count}; {away}; exit 255")
    with pytest.raises(EngineUnavailable) as caught:
        await SshTunnel.open(FAR)
    assert "MaxStartups" in caught.value.advice
    assert len(count.read_text().split()) == 4 + 5


@pytest.mark.parametrize(
    ("version", "is_told"),
    [
        ("OpenSSH_9.2p1 Debian-2", True),
        ("OpenSSH_8.7p1", True),
        ("OpenSSH_10.0p2", True),
        ("OpenSSH_8.6p1", False),
        ("OpenSSH_7.4p1", False),
        ("dropbear", False),
    ],
)
async def test_ssh_stays_in_the_foreground_where_it_knows_how(ssh, version, is_told):
    ssh(f'echo "$*" >&2; {_FORWARD}; exec sleep 1000', version)
    tunnel = await SshTunnel.open(FAR)
    assert ("ForkAfterAuthentication=no" in tunnel.words().last) is is_told
    await tunnel.aclose()


async def test_without_ssh(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="no ssh command"):
        await SshTunnel.open(FAR)


async def test_without_a_folder(ssh, monkeypatch):
    ssh("exit")
    monkeypatch.setattr(module, "_PLAIN", re.compile("nothing"))
    with pytest.raises(EngineUnavailable, match="ssh cannot be started: no folder"):
        await SshTunnel.open(FAR)
