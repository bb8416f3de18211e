"""A lab's containers on real engines: made, held, taken over, mended, removed; nothing is left."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from functools import partial

import pytest

from devtools import api, containers, images
from dexec_kernel.backend.lifecycle import HealthConfig
from dexec_kernel.backend.models import LAB_LABEL
from dexec_kernel.errors import ImageNotFound, LabUnusable
from dexec_kernel.lab import member, parent
from dexec_kernel.lab.create import volume_prefix
from dexec_kernel.lab.owner import LabOwner, Restored
from dexec_kernel.lab.parent import MAKER_LABEL, PARENT_LABEL, Parent
from dexec_kernel.lab.spec import Container, Lab
from dexec_kernel.lab.sweep import sweep
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
    # Given back, it is held as at first, however soon after its end.
    for _ in range(3):
        second.let_go()
        await stopped(client, container.id)
        assert (await second.ready()).id == container.id

    await second.reset()
    fresh = await second.ready()
    assert fresh.id != container.id
    assert run(place, fresh.id, "cat /root/mine").exit_code == 1
    assert len(await left(client, second)) == 1

    assert await second.restore() == {}
    await client.container_stop(fresh.id, stop_timeout=0)
    assert await second.restore() == {"lab": Restored.STARTED}
    second.let_go()
    await stopped(client, fresh.id)
    await second.ready()
    await client.container_remove(fresh.id, force=True)
    assert await second.restore() == {"lab": Restored.MADE}
    await second.aclose()
    await second.aclose()
    assert await left(client, second) == []


async def test_a_student_who_cuts_the_leash_keeps_no_container(place, folder, monkeypatch):
    """SIGSTOP for all that root reaches: nobody reads the end of the stdin any more."""
    monkeypatch.setattr(member, "_ENDED_WITHIN", 1)
    cut = "kill -STOP -1; until grep -q 'State:.T' /proc/[0-9]*/status; do :; done"
    gone = str(replace(Parent.of(1), started="1"))
    labels = {PARENT_LABEL: gone, MAKER_LABEL: gone}
    first = LabOwner(place.client, LAB, folder, "cut", labels=labels)
    container = (await first.ready()).id
    run(place, container, cut)
    first.let_go()
    # The next process of the kernel has it all the same, and so has a sweep.
    second = LabOwner(place.client, LAB, folder, "cut", labels=labels)
    again = await second.ready()
    assert (again.id, again.running) == (container, True)
    run(place, container, cut)
    second.let_go()
    assert again.name in (await sweep(place.client)).removed
    assert await left(place.client, second) == []


async def test_what_is_kept_is_stopped_and_given_back_whatever_has_become_of_its_leash(
    place, folder, monkeypatch
):
    """A leash that was cut, and a pause; where its holder may be there, it is left alone."""
    monkeypatch.setattr(member, "_ENDED_WITHIN", 1)
    lab, held = replace(LAB, keep=True), Parent.of(os.getpid())
    gone = replace(held, started="1")
    monkeypatch.setattr(parent.Parent, "of", lambda _pid: holder)
    cut = "kill -STOP -1; until grep -q 'State:.T' /proc/[0-9]*/status; do :; done"

    # As a process that has ended since would make them.
    holder = gone
    first = LabOwner(place.client, lab, folder, "cut")
    container = (await first.ready()).id
    run(place, container, "echo mine >/root/mine")
    run(place, container, cut)
    first.let_go()
    second = LabOwner(place.client, lab, folder, "cut")
    again = await second.ready()
    assert (again.id, again.running) == (container, True)
    for spoil in (partial(run, place, container, cut), None):
        if spoil:
            spoil()
        else:
            await second.pause()
        second.let_go()
        holder = held
        assert again.name in (await sweep(place.client)).left
        await stopped(place.client, container)
        holder = gone
        second = LabOwner(place.client, lab, folder, "cut")
        again = await second.ready()
    second.let_go()
    await stopped(place.client, container)

    holder = held
    third = LabOwner(place.client, lab, folder, "cut")
    again = await third.ready()
    assert (again.id, run(place, container, "cat /root/mine").stdout) == (container, "mine\n")
    assert again.name in (await sweep(place.client)).left
    assert (await place.client.container_inspect(container)).running
    with pytest.raises(LabUnusable, match="in use by another kernel"):
        await LabOwner(place.client, lab, folder, "cut").ready()
    await third.aclose()
    assert await left(place.client, third) == []


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


@pytest.fixture
def bridge(host) -> None:
    """Skip a test where the engine's machine has no bridges."""
    try:
        made = api.call_json(host, "POST", "/networks/create", body={"Name": "dexec-probe"})
    except api.ApiError as error:
        pytest.skip(f"no network can be made: {error.message}")
    api.call(host, "DELETE", f"/networks/{made['Id']}")


@pytest.mark.usefixtures("bridge")
async def test_a_network_of_its_own_folders_and_the_health_of_a_service(host, client, folder):
    """A cell's container begins when the service that it depends on is healthy."""
    images.ensure_image(host, images.BUSYBOX)
    (folder / "site files").mkdir()
    (folder / "site files" / "page").write_text("the page\n")
    web = Container(
        *("web", images.BUSYBOX, ("nc", "-ll", "-p", "80", "-e", "cat", "/srv/page")),
        network_mode="bridge",
        volumes=("./site files:/srv:ro",),
        healthcheck=HealthConfig(
            ("CMD-SHELL", "nc 127.0.0.1 80 </dev/null"), interval=0.2, retries=500
        ),
    )
    work = Container("work", images.BUSYBOX, network_mode="bridge", depends_on=("web",))
    owner, said = LabOwner(client, Lab("N", (work, web)), folder, "net"), []
    try:
        first = await owner.ready(said.append)
        assert said == [
            "making the container web",
            "waiting until web is healthy",
            "making the container work",
        ]
        assert containers.run(host, first.id, ["nc", "web", "80"]).stdout == "the page\n"
        read_only = containers.run(host, owner.ids["web"], ["touch", "/srv/page"])
        assert read_only.exit_code != 0
        # Each may be made anew: the network stays.
        await owner.reset("web")
        assert containers.run(host, first.id, ["nc", "web", "80"]).stdout == "the page\n"
        [network] = await client.network_list(label=f"{LAB_LABEL}={folder.name}")

        owner.let_go()
        for container in owner.ids.values():
            await stopped(client, container)
        owner = LabOwner(client, owner.lab, folder, "net")
        again = await owner.ready()
        assert again.id == first.id
        assert containers.run(host, first.id, ["nc", "web", "80"]).stdout == "the page\n"
        assert [network] == await client.network_list(label=f"{LAB_LABEL}={folder.name}")
    finally:
        await owner.aclose()
    assert await left(client, owner) == []


SEVERAL = Lab(
    "Several",
    (
        Container("work", images.BUSYBOX, depends_on=("web",), volumes=("data:/data",)),
        Container(
            "web",
            images.BUSYBOX,
            command=("sh", "-c", "while :; do echo hi | nc -l -p 80; done"),
            user="1000",
            healthcheck=HealthConfig(("CMD-SHELL", "true"), interval=0.2),
        ),
    ),
)


async def test_several_containers_share_a_loopback_and_nothing_is_left(host, client, folder):
    """Started in order, with a service beside the leash; one is reset, one killed."""
    images.ensure_image(host, images.BUSYBOX)
    owner = LabOwner(client, SEVERAL, folder, "several")
    first = await owner.ready()
    assert first.name.endswith("-work")
    assert list(owner.ids) == ["work", "web"]
    ask = ["sh", "-c", "until nc 127.0.0.1 80; do sleep 0.1; done; echo kept >/data/x"]
    assert containers.run(host, first.id, ask).stdout == "hi\n"
    before = dict(owner.ids)
    await owner.reset("work")
    assert (owner.ids["work"] == before["work"], owner.ids["web"]) == (False, before["web"])
    assert containers.run(host, owner.ids["work"], ["cat", "/data/x"]).stdout == "kept\n"
    await owner.reset("web")  # It has the loopback: both are made anew.
    assert not set(owner.ids.values()) & set(before.values())
    assert containers.run(host, owner.ids["work"], ask).stdout == "hi\n"
    await client.container_stop(owner.ids["web"], stop_timeout=0)
    assert set((await owner.restore()).values()) == {Restored.STARTED}
    assert containers.run(host, owner.ids["work"], ask).stdout == "hi\n"
    await owner.aclose()
    assert await left(client, owner) == []
    assert await client.volume_list(prefix="dexec-lab-") == []


async def test_what_goes_wrong_half_way_leaves_nothing(host, client, folder):
    images.ensure_image(host, images.BUSYBOX)
    missing = Lab("A", (STUDENT, Container("gone", "127.0.0.1:9/no/such:1")))
    owner = LabOwner(client, missing, folder, "one")
    with pytest.raises(ImageNotFound, match="no/such"):
        await owner.ready()
    assert (await left(client, owner), owner.ids) == ([], {})

    (folder / "setup.sh").write_text("echo for the teacher; exit 3\n")
    owner = LabOwner(client, LAB, folder, "one")
    with pytest.raises(LabUnusable, match="exit code 3") as raised:
        await owner.ready()
    assert raised.value.output == "for the teacher\n"
    assert await left(client, owner) == []

    (folder / "setup.sh").write_text("sleep 1000\n")
    is_setting_up = asyncio.Event()

    def note(step: str) -> None:
        if step == "setting it up":
            is_setting_up.set()

    for _ in range(2):
        work = asyncio.create_task(owner.ready(note))
        await is_setting_up.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert await left(client, owner) == []

    sick = Container(
        *("x", images.BUSYBOX),
        healthcheck=HealthConfig(("CMD-SHELL", "echo no such database; false"), 0.1, retries=1),
    )
    (folder / "setup.sh").unlink()
    owner = LabOwner(client, Lab("A", (sick,)), folder, "one")
    with pytest.raises(LabUnusable, match=r"unhealthy\..* said: no such database"):
        await owner.ready()
    assert await left(client, owner) == []


async def test_an_image_without_a_shell_runs_its_own_command_and_is_swept(host, client, folder):
    images.ensure_image(host, images.NOSHELL)
    gone = replace(Parent.of(1), started="1")
    owner = LabOwner(
        *(client, Lab("A", (Container("x", images.NOSHELL),)), folder, "one"),
        labels={PARENT_LABEL: str(gone)},
    )
    container = await owner.ready()
    assert not container.open_stdin
    assert (await sweep(client)).removed == [container.name]
    assert await left(client, owner) == []


async def test_a_sweep_removes_what_nobody_owns_and_nothing_else(host, client, folder):
    images.ensure_image(host, images.BUSYBOX)
    gone, server = {PARENT_LABEL: str(replace(Parent.of(1), started="1"))}, Parent.of(1)

    def volumes() -> list[str]:
        listed = api.call_json(host, "GET", "/volumes")["Volumes"] or ()
        return sorted(item["Name"] for item in listed if item["Name"] in made)

    # One of an owner whose containers are gone, one in use, and one of somebody else.
    orphan, used, foreign = (
        f"{volume_prefix(folder.name, 'nobody')}data",
        f"{volume_prefix(folder.name, 'held')}data",
        "dexec-lab-of-somebody",
    )
    made = [orphan, used, foreign]
    for name in made:
        api.call(host, "POST", "/volumes/create", body={"Name": name})
    dead = LabOwner(client, LAB, folder, "dead", labels=gone)
    held = LabOwner(client, LAB, folder, "held", labels=gone)
    kept = LabOwner(client, replace(LAB, keep=True), folder, "kept", labels=gone)
    other = LabOwner(client, LAB, folder, "other", labels={PARENT_LABEL: str(server)})
    names = {}
    for owner in (dead, held, kept, other):
        names[owner] = (await owner.ready()).name
    for owner in (dead, kept):
        container = owner.ids["lab"]
        owner.let_go()
        await stopped(client, container)
    assert volumes() == sorted(made)
    swept = await sweep(client)
    assert swept.removed == [names[dead]]
    assert volumes() == sorted([used, foreign])
    assert set(swept.left) >= {names[held], names[kept], names[other]}
    assert (await sweep(client, server=server, kernels=lambda: {"other"})).removed == []
    swept = await sweep(client, server=server, kernels=lambda: {"another"})
    assert swept.removed == [names[other]]
    assert sorted(await left(client, held)) == sorted([names[held], names[kept]])
    for owner in (dead, held, kept, other):
        await owner.aclose()
    assert await left(client, held) == []
    await sweep(client)
    assert volumes() == [foreign]
    api.call(host, "DELETE", f"/volumes/{foreign}")
