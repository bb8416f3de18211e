"""``%cp``, ``%show`` and ``%%writefile`` as a notebook runs them."""

from __future__ import annotations

import base64

import pytest

from devtools import containers, images

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture
def box(lone_container):
    """A container, in which each test has names of its own."""
    return lone_container(images.BUSYBOX)


@pytest.fixture
def here(box, start_kernel, tmp_path):
    """A kernel that works in ``tmp_path``."""
    return start_kernel(DEXEC_CONTAINER=box, cwd=str(tmp_path))


def shown(result):
    assert result.reply["status"] == "ok", result.reply
    return [o["data"] for o in result.outputs if o["kind"] == "display_data"]


def test_copies_both_ways(here, host, box, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a b").write_text("one\n")
    (tmp_path / "data/a b").chmod(0o750)
    (tmp_path / "data/link").symlink_to("a b")
    [data] = shown(here.run("%cp data :/tmp/there"))
    assert data["text/plain"] == "data → :/tmp/there: 1 file, 1 folder, 1 link, 4 B"
    assert "1 file" in data["text/html"]
    result = here.run("%cp ./data/. :/tmp\n%cp :/tmp/there back\ncat '/tmp/a b' /tmp/there/link")
    assert result.text() == "one\none\n"
    assert (tmp_path / "back/link").readlink().name == "a b"
    assert (tmp_path / "back/a b").stat().st_mode & 0o777 == 0o750
    shown(here.run(f"%cp {box}:/etc/passwd 'pass wd'"))
    assert "root" in (tmp_path / "pass wd").read_text()


@pytest.mark.parametrize(
    ("cell", "name", "words"),
    [
        ("%cp :/nope .", "PathNotFound", "no /nope"),
        ("%cp nope :/", "PathNotFound", "no"),
        ("%cp a b", "UsageError", "Neither"),
        ("%cp :/a other:/b", "UsageError", "from one container to another"),
        ("%cp :/a :/b", "UsageError", "between the kernel's side and a container"),
        ("%cp :/etc/passwd /no/such/", "PathNotFound", "on the kernel's side"),
        ("%cp no-such-container:/a .", "ContainerNotFound", "no-such-container"),
        ("%cp :/a", "CellSyntaxError", "DST"),
        ("%show /etc/passwd", "UsageError", "colon"),
        ("%show :/etc", "UsageError", "folder"),
        ("%show :/nope", "PathNotFound", "nope"),
        ("%%writefile :/no/such/file\nx", "PathNotFound", "no folder /no/such"),
        ("%%writefile x\ny", "UsageError", "colon"),
    ],
)
def test_what_is_wrong_is_said(kernel, cell, name, words):
    reply = kernel.run(cell).reply
    assert (reply["status"], reply["ename"]) == ("error", name)
    assert words in reply["evalue"]


def test_an_interrupt_ends_a_copy_at_once(here, host, box, tmp_path):
    containers.run(host, box, ["truncate", "-s", "8G", "/tmp/huge"])
    interrupted = []

    def interrupt(message):
        if not interrupted and message["msg_type"] == "display_data":
            interrupted.append(True)
            here.interrupt()

    # As sparse as it is, more than can be copied: only the interrupt ends it.
    result = here.run("%cp :/tmp/huge .", at=interrupt)
    assert result.reply["ename"] == "KeyboardInterrupt"
    assert list(tmp_path.iterdir()) == []
    [data] = [o["data"] for o in result.outputs if o["kind"] == "display_data"]
    assert "not finished" in data["text/plain"]
    assert here.run("echo on").text() == "on\n"


def test_a_bar_shows_how_far_it_is(here, host, box, tmp_path):
    containers.run(host, box, ["truncate", "-s", "300M", "/tmp/large"])
    seen = []

    def look(message):
        if "display_data" in message["msg_type"]:
            seen.append(message["content"]["data"]["text/plain"])

    result = here.run("%cp :/tmp/large .", at=look)
    assert shown(result) == [
        {**shown(result)[0], "text/plain": ":/tmp/large → .: 1 file, 300.0 MiB"}
    ]
    assert len(seen) >= 2
    assert "% of 300.0 MiB" in seen[0]
    assert (tmp_path / "large").stat().st_size == 300 << 20


def test_shows_files_as_what_they_are(here, tmp_path):
    files = {
        "a.png": PNG,
        "a.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "a.html": b"<html><script>1</script>",
        "a.csv": b"x,y\n1,2\n",
        "a.json": b'{"a": 1}',
        "a.md": b"# Title",
        "a.txt": b"text\n",
        "a.bin": bytes(2000),
    }
    (tmp_path / "all").mkdir()
    for name, content in files.items():
        (tmp_path / "all" / name).write_bytes(content)
    shown(here.run("%cp all :/tmp/all"))

    def show(name):
        [data] = shown(here.run(f"%show :/tmp/all/{name}"))
        return data

    assert base64.b64decode(show("a.png")["image/png"]) == PNG
    assert "><img " in show("a.svg")["text/html"]
    assert '><iframe sandbox=""' in show("a.html")["text/html"]
    assert "<table" in show("a.csv")["text/html"]
    assert show("a.json")["application/json"] == {"a": 1}
    assert "\n# Title\n" in show("a.md")["text/markdown"]
    assert show("a.txt") == {"text/plain": "text\n"}
    assert "00000000  00" in show("a.bin")["text/plain"]
    assert "binary, 2.0 KiB" in here.run("%show :/tmp/all/a.bin").text()


def test_writes_the_cell_into_a_file(here):
    body = "#!/bin/sh\n\n%magic 'quoted' $HOME \\n ü\n\n"
    result = here.run(f"%%writefile :/tmp/new\n{body}")
    assert result.reply["status"] == "ok"
    assert result.text() == f"Wrote /tmp/new ({len(body.encode())} B)\n"
    assert here.run("cat /tmp/new").text() == body
    here.run("chmod 700 /tmp/new")
    assert "Appended" in here.run("%%writefile -a :/tmp/new\nmore").text()
    assert here.run("cat /tmp/new; stat -c ' %a' /tmp/new").text() == body + "more 700\n"
    assert "Overwrote" in here.run("%%writefile :/tmp/new\nx").text()
    assert here.run("cat /tmp/new").text() == "x"


def test_a_stopped_container_has_files_too(here, host, box, tmp_path):
    containers.stop(host, box)
    here.run("%%writefile :/tmp/stopped\ntext")
    assert shown(here.run("%show :/tmp/stopped")) == [{"text/plain": "text"}]


def test_help(kernel):
    for line in ("%cp --help", "%show?", "%%writefile --help"):
        [data] = shown(kernel.run(line))
        assert "container" in data["text/plain"]
