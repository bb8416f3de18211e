"""``lab prepare``, and images before ``lab test`` and ``lab grade``, without an engine."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from dexec_kernel.cli import lab_images
from dexec_kernel.cli.command import run
from dexec_kernel.errors import ImageNotLoaded
from dexec_kernel.lab.new import new_lab
from tests.unit.lab.test_images import FakeImages

IMAGE = "debian:stable-slim"


@pytest.fixture
def lab(tmp_path):
    new_lab(tmp_path / "mylab")
    file = tmp_path / "mylab/lab.toml"
    lines = file.read_text().splitlines()
    changed = [f'image = "{IMAGE}"' if line.startswith("image") else line for line in lines]
    file.write_text("\n".join(changed))
    return tmp_path / "mylab"


class Loading(FakeImages):
    """Loads archives whose content is a name."""

    async def image_load(self, content):
        names = (b"".join([piece async for piece in content])).decode().split()
        if "broken" in names:
            raise ImageNotLoaded.of("invalid tar header")
        self.images |= set(names)
        return tuple(names)


@pytest.fixture
def images(monkeypatch):
    engine = Loading(set())

    @asynccontextmanager
    async def connected():
        yield engine

    monkeypatch.setattr(lab_images, "_engine", connected)
    return engine


def test_images_are_named_and_pulled(lab, images, capsys):
    images.registry = {IMAGE}
    assert run(["lab", "prepare", str(lab)]) == 0
    found = capsys.readouterr()
    assert found.out.splitlines()[0] == f"pulled   {IMAGE}"
    assert "are ready." in found.out
    assert found.err == ""
    assert run(["lab", "prepare", str(lab)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"there    {IMAGE}"


def test_a_missing_image_is_an_error_with_the_commands(lab, images, capsys):
    assert run(["lab", "prepare", str(lab)]) == 1
    found = capsys.readouterr()
    assert found.out == ""
    assert f"missing  The engine has no image {IMAGE!r}, and could not pull it: no " in found.err
    assert f"docker save -o images.tar {IMAGE}\n" in found.err
    assert f"dexec-kernel lab prepare {lab} --load images.tar\n" in found.err


def test_images_are_loaded_from_a_file(lab, images, capsys, tmp_path):
    archive = tmp_path / "images.tar"
    archive.write_text(f"{IMAGE} other:1")
    assert run(["lab", "prepare", str(lab), "--load", str(archive)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == [f"loaded   {IMAGE}", "loaded   other:1", f"there    {IMAGE}"]
    archive.write_text("broken")
    assert run(["lab", "prepare", str(lab), "--load", str(archive)]) == 1
    assert "cannot load the file: invalid tar header.\nIt takes what" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "said"), [("gone.tar", "There is no file"), ("", "is a folder")])
def test_what_is_no_file(lab, capsys, name, said):
    assert run(["lab", "prepare", str(lab), "--load", str(lab / name)]) == 1
    assert said in capsys.readouterr().err


def test_a_file_without_images(lab, images, capsys, tmp_path):
    (tmp_path / "empty.tar").write_text("")
    assert run(["lab", "prepare", str(lab), "--load", str(tmp_path / "empty.tar")]) == 1
    assert "warning: there is no image in" in capsys.readouterr().err


def test_a_lab_with_mistakes(lab, images, capsys):
    (lab / "lab.toml").write_text("[")
    assert run(["lab", "prepare", str(lab)]) == 1
    assert "lab lint" in capsys.readouterr().err
    assert run(["lab", "prepare", str(lab / "gone")]) == 1
    assert "There is no lab.toml in" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("test",), ("grade", "a.ipynb")])
def test_nothing_runs_without_its_images(lab, images, capsys, words):
    command, *more = words
    assert run(["lab", command, str(lab), *more]) == 1
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.count("Nothing is run. The engine has no image") == 1
    assert f"dexec-kernel lab prepare {lab} --load FILE" in found.err


def test_no_engine_is_one_error(lab, capsys):
    assert run(["lab", "prepare", str(lab)]) == 1
    assert "dexec-kernel: " in capsys.readouterr().err
