"""A lab's containers on real engines: made, held, taken over, mended, removed; nothing is left."""

from __future__ import annotations

import pytest

from devtools import containers, images
from dexec_kernel.backend.models import LAB_LABEL
from dexec_kernel.lab.owner import LabOwner, Restored
from dexec_kernel.lab.spec import Container, Lab
from tests.waiting import until_seen

STUDENT = Container("lab", images.BUSYBOX, mem_limit=64 << 20, pids_limit=64, cpus=0.5)
LAB = Lab("A lab", (STUDENT,))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mylab"
    folder.mkdir()
    return folder


async def left(client, owner: LabOwner) -> list[str]:
    """What an engine has of an owner: containers and networks."""
    labels = [f"{LAB_LABEL}={owner.name}"]
    found = await client.container_list(all=True, filters={"label": labels})
    networks = await client.network_list(label=labels[0])
    return [item.name for item in (*found, *networks)]


async def stopped(client, container: str) -> None:
    async def has_stopped() -> bool:
        return not (await client.container_inspect(container)).running

    await until_seen(has_stopped)


def run(place, container, script, **options):
    return containers.run(place.host, container, ["sh", "-c", script], **options)


async def test_the_life_of_a_lab(place, folder):
    """Made with its limits, set up, held; taken over with its files; reset; removed."""
    client = place.client
    (folder / "setup.sh").write_text(
        "cat; echo made >/root/made\n: secret\nwhile :; do sleep 9; done &\n"
    )
    first, said = LabOwner(client, LAB, folder, "one"), []
    container = await first.ready(said.append)
    assert container.running
    assert said == ["making the container", "setting it up"]
    assert container.name.startswith("mylab-")
    seen = run(
        place, container.id, "cat /root/made; hostname; cat /proc/1/limits >/dev/null; id -u"
    )
    assert seen.stdout.split() == ["made", "lab", "0"]
    shown = run(place, container.id, "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ").stdout
    assert "secret" not in shown
    assert (await first.ready()).id == container.id
    run(place, container.id, "echo mine >/root/mine")

    first.let_go()
    await stopped(client, container.id)
    second = LabOwner(client, LAB, folder, "one")
    again = await second.ready(said.append)
    assert (again.id, again.running) == (container.id, True)
    assert said[2:] == ["starting the container again"]
    assert run(place, container.id, "cat /root/mine").stdout == "mine\n"

    await second.reset()
    fresh = await second.ready()
    assert fresh.id != container.id
    assert run(place, fresh.id, "cat /root/mine").exit_code == 1
    assert len(await left(client, second)) == 1

    assert await second.restore() == {}
    await client.container_stop(fresh.id, stop_timeout=0)
    assert await second.restore() == {"lab": Restored.STARTED}
    await client.container_remove(fresh.id, force=True)
    assert await second.restore() == {"lab": Restored.MADE}
    await second.aclose()
    await second.aclose()
    assert await left(client, second) == []


async def test_setup_is_root_with_capabilities_where_the_student_is_not(place, folder):
    (folder / "setup.sh").write_text(
        "mkdir /home/m; echo x >/home/m/x; chown -R 1000 /home/m && chmod 700 /home/m"
    )
    student = Container("lab", images.BUSYBOX, user="1000")
    owner = LabOwner(place.client, Lab("A lab", (student,)), folder, "two")
    try:
        container = await owner.ready()
        assert container.exec_defaults.user == "1000"
        look = "id -u; cat /home/m/x; grep CapPrm /proc/self/status"
        seen = run(place, container.id, look, user="1000").stdout.split()
        assert seen == ["1000", "x", "CapPrm:", "0" * 16]
    finally:
        await owner.aclose()
