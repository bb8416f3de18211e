"""Images on real engines: looked at, saved, removed, loaded again; a registry that is not there."""

from __future__ import annotations

import gzip
from urllib.parse import quote

import pytest

from devtools import api
from dexec_kernel.backend.images import PullProgress
from dexec_kernel.cli.command import run
from dexec_kernel.errors import ImageNotFound, ImageNotLoaded, ImageNotPulled
from dexec_kernel.lab.new import new_lab
from tests.registry import Registry, saved, serve

#: Nothing listens at port 9, so that each engine's connection is refused at once.
NOWHERE = "127.0.0.1:9/a/b:1"


async def pieces(content: bytes):
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]


async def test_images_are_loaded_and_pulls_are_refused(place):
    client, name = place.client, "localhost/dexec-saved:1"
    content = saved(place.host, name)
    with pytest.raises(ImageNotFound):
        await client.image_inspect(name)
    assert await client.image_load(pieces(content)) == (name,)
    assert (await client.image_inspect(name)).cmd == ("sleep", "2147483647")
    api.call(place.host, "DELETE", f"/images/{quote(name)}")
    for odd in (b"no archive", bytes(10_240), b""):
        with pytest.raises(ImageNotLoaded):
            await client.image_load(pieces(odd))
    with pytest.raises(ImageNotPulled, match="connection refused") as caught:
        await client.image_pull(NOWHERE)
    assert f"docker pull {NOWHERE}" in caught.value.advice


async def test_a_pull(host, client):
    said: list[PullProgress] = []
    with serve(Registry(saved(host, "localhost/dexec-pulled:1"))) as registry:
        await client.image_pull(registry.image, said.append)
    assert (await client.image_inspect(registry.image)).cmd == ("sleep", "2147483647")
    assert said[-1].total > 1_000_000
    assert said[-1].is_unpacking
    api.call(host, "DELETE", f"/images/{quote(registry.image)}")


def test_lab_prepare(host, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DOCKER_HOST", host)
    name = "dexec-prepared/box:1"
    (tmp_path / "images.tar.gz").write_bytes(gzip.compress(saved(host, name), 1))
    lab = tmp_path / "mylab"
    new_lab(lab)
    (lab / "lab.toml").write_text(
        f'title = "A"\n[containers.a]\nimage = "{name}"\n[containers.b]\nimage = "{NOWHERE}"\n'
        '[tasks.one]\ntitle = "One"\nfiles = ["/one"]\n'
    )
    command = ["lab", "prepare", str(lab)]
    assert run([*command, "--load", str(tmp_path / "images.tar.gz")]) == 1
    found = capsys.readouterr()
    assert found.out.splitlines() == [f"loaded   {name}", f"there    {name}"]
    assert f"missing  The engine has no image {NOWHERE!r}, and could not pull it: " in found.err
    api.call(host, "DELETE", f"/images/{quote(name)}")
    assert run(command) == 1
    advice = capsys.readouterr().err
    assert f"docker save -o images.tar {name} {NOWHERE}\n" in advice
    for image in (name, NOWHERE):
        assert f"docker pull {image}\n" in advice
