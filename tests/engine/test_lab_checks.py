"""Checks of a lab on real engines: on a copy, beside and inside; cheats; nothing is left."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

import pytest

from devtools import containers, images
from dexec_kernel.backend.models import LAB_LABEL, PathStat
from dexec_kernel.lab.checks.checker import Checker
from dexec_kernel.lab.checks.facts import CellFact, Facts
from dexec_kernel.lab.checks.runner import CheckRunner
from dexec_kernel.lab.result import Broken, CheckResult, NotYet, Passed, TimedOut
from dexec_kernel.lab.spec import Container, Lab, Task, Where
from tests.waiting import until_seen


class Bench:
    """A lab with one container of a student's, and the checks that a test makes up."""

    def __init__(self, place, folder: Path, container: Container, **options: object) -> None:
        self.place, self.client, self.folder = place, place.client, folder
        (folder / "checks").mkdir(parents=True)
        images.ensure_image(place.host, container.image)
        spec = {**options, "user": container.user} if container.user else options
        self.student = place.run(container.image, **spec)
        self.lab = Lab("A lab", (container,), tasks=(Task("t"),))
        self.runner = self.new_runner()

    def new_runner(self) -> CheckRunner:
        async def connect():
            return self.client

        return CheckRunner(connect, self.lab, self.folder, "owner")

    def do(self, script: str, **options: object) -> str:
        """Do something as the student."""
        done = containers.run(self.place.host, self.student, ["sh", "-c", script], **options)
        assert done.exit_code == 0, done
        return done.stdout

    async def check(
        self,
        text: str,
        *files: str,
        where: Where = Where.FRESH,
        timeout: float = 60,  # noqa: ASYNC109 -- the task's
        facts: Facts | None = None,
    ) -> CheckResult:
        (self.folder / "checks/t.sh").write_text(text)
        task = Task("t", files=files, where=where, timeout=timeout)
        return await self.runner.run(task, self.student, facts or Facts())

    async def checkers(self, *, running: bool = False) -> list[str]:
        """The checkers that the engine knows of, also as they are made or removed."""
        labels = {"label": [f"{LAB_LABEL}={self.folder.name}"]}
        found = await self.client.container_list(all=True, filters=labels)
        return [item.id for item in found if not running or item.state == "running"]

    async def are_gone(self) -> None:
        async def is_empty() -> bool:
            return not await self.checkers()

        await until_seen(is_empty)


@pytest.fixture
async def bench(place, tmp_path) -> AsyncIterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**more: object) -> Bench:
        options = {"image": images.BUSYBOX, "pids_limit": 64, "mem_limit": 64 << 20, **more}
        made.append(Bench(place, tmp_path / f"lab{len(made)}", Container("lab", **options)))
        return made[-1]

    yield make
    for one in made:
        await one.runner.aclose()
        await one.are_gone()


docker = pytest.mark.parametrize("place", ["docker"], indirect=True)


async def test_a_check_looks_at_a_copy(bench):
    """The student's files take the place of the pristine ones, as they are."""
    one = bench()
    (one.folder / "setup.sh").write_text(
        "mkdir /srv; cd /srv; echo pristine >given; echo pristine >removed; mkdir d; touch d/old\n"
    )
    one.do(
        "mkdir -p /srv/d/deep; cd /srv; echo mine >given; ln -s /etc/passwd d/link; mkfifo d/pipe;"
        " ln -s given d/rel; echo 1 >d/a; ln d/a d/b; printf 'x' >d/$(printf 'caf\\351');"
        " echo secret >d/private; chmod 600 d/private; chown 1000:7 d/private; chmod 4750 d/deep"
    )
    result = await one.check(
        'cd /srv; ls -A; echo d/* | tr "\\351" E; cat given d/private;'
        " readlink d/link; readlink d/rel; [ -p d/pipe ] || exit 1;"
        ' stat -c "%a %u:%g %h" d/private d/deep d/a; id -u; pwd; ls -A ~',
        *("/srv/given", "/srv/removed", "/srv/d", "/srv/never/there"),
    )
    assert result.message.split("\n") == [
        *("d", "given"),
        "d/a d/b d/cafE d/deep d/link d/pipe d/private d/rel",
        *("mine", "secret", "/etc/passwd", "given"),
        # Podman's archives name no owners.
        *("600 0:0 1" if one.place.is_podman else "600 1000:7 1", "4750 0:0 2", "644 0:0 2"),
        *("0", "/srv"),
    ], result
    assert result == Passed(message=result.message, duration=result.duration)
    # One in the place of a file stays one, whatever is behind it.
    one.do("rm /srv/given; ln -s /etc/passwd /srv/given")
    result = await one.check("readlink /srv/given", "/srv/given")
    assert result.message == "/etc/passwd"
    assert result.notes == ("/srv/given is a link to /etc/passwd.",)


async def test_the_kernels_facts_and_both_texts(bench):
    one = bench()
    facts = Facts(
        cells=(CellFact("cd /tmp", "", 0), CellFact("ls | wc -l; it's", "3\nno 'é'\n", 127)),
        folder="/tmp",
        exported={"FOO": "a b\n"},
        options=frozenset({"pipefail"}),
    )
    result = await one.check(
        'printf "%s|" "$DEXEC_LAST_CELL" "$DEXEC_LAST_OUTPUT" "$DEXEC_LAST_EXIT_CODE" '
        '"$DEXEC_FOLDER"; cat "$DEXEC_HISTORY"/*/cell "$DEXEC_SESSION/options"; '
        'cat "$DEXEC_SESSION/exported/FOO"; echo for the teacher >&2; exit 1',
        facts=facts,
    )
    said = "ls | wc -l; it's|3\nno 'é'\n|127|/tmp|cd /tmpls | wc -l; it'spipefail\na b"
    assert result == NotYet(message=said, stderr="for the teacher", duration=result.duration)


async def test_a_checker_waits_is_used_once_and_ends_with_its_owner(bench):
    one = bench()
    one.runner.prepare()

    async def waits() -> bool:
        # Docker lists one that is being made before it can be removed.
        return len(await one.checkers(running=True)) == 1

    await until_seen(waits)
    [first] = await one.checkers()
    assert isinstance(await one.check("[ -e /tmp/used ] || { touch /tmp/used; true; }"), Passed)
    await one.are_gone()

    # Somebody removes the one that waits: another one takes its place.
    one.runner.prepare()
    await until_seen(waits)
    [second] = await one.checkers()
    assert second != first
    await one.client.container_remove(second, force=True)
    assert isinstance(await one.check("[ ! -e /tmp/used ]"), Passed)

    # Its owner is gone, and nobody removes anything.
    lost = one.new_runner()
    checker = await lost._start_fresh()
    assert len(await one.checkers()) == 1
    checker._streams.close()
    await one.are_gone()
    (one.folder / "checks/t.sh").write_text("echo begun >&2; sleep 600")
    checker = await lost._start_fresh()
    running = asyncio.ensure_future(run_until_begun(checker, one, lost))
    await running
    await one.are_gone()


async def run_until_begun(checker: Checker, one: Bench, runner: CheckRunner) -> None:
    """Begin a check, and let go of it in the middle."""
    script = runner.texts.check("t")
    running = asyncio.ensure_future(
        checker.run(script, Facts(), student=one.student, paths=(), timeout=600)
    )

    async def has_begun() -> bool:
        top = await one.client.container_top(checker._container)
        return any("sleep 600" in " ".join(row) for row in top.processes)

    await until_seen(has_begun)
    checker._streams.close()
    await asyncio.wait({running})


@docker
async def test_what_cannot_run_is_broken(bench):
    one = bench()
    for text, exit_code in {"no-such-command": 127, "kill -9 $$": 137}.items():
        result = await one.check(text)
        assert isinstance(result, Broken), (text, result)
        assert result.exit_code == exit_code
        assert result.reason.startswith(f"The check ended with exit code {exit_code} (")
    for seconds in (1, 10, 60):  # A slow machine needs more for the first word.
        result = await one.check("echo begun; while :; do :; done", timeout=seconds)
        if result.message:
            break
    assert result == TimedOut(message="begun", seconds=seconds, duration=result.duration)
    result = await one.check("echo for you; yes | head -c 10000000000")
    assert isinstance(result, Broken)
    assert result.reason == "The check printed more than 64.0 MiB."
    assert len(result.message) < 20_000
    result = await one.check("x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done")
    assert isinstance(result, Broken)
    (one.folder / "checks/t.sh").unlink()
    result = await one.runner.run(Task("t"), one.student)
    assert isinstance(result, Broken)
    assert result.reason == "The task 't' of the lab has no check."
    gone = await one.runner.run(Task("t"), "no-such-container")
    assert isinstance(gone, Broken)

    nothing = bench(image=images.NOSHELL)
    result = await nothing.check("exit 0")
    assert isinstance(result, Broken)
    (one.folder / "setup.sh").write_text("exit 7")
    result = await one.check("exit 0")
    assert isinstance(result, Broken)
    assert "setup.sh" in result.reason


@docker
async def test_what_a_student_does_against_a_check(bench):
    """The student is root in a container where every tool lies."""
    one = bench(image=images.DEBIAN)
    one.do(
        "cd /root; ln -s /dev/stdin stdin; ln -s /proc/self/fd/63 fd; ln -s / r;"
        " ln -s r/proc/self/fd/0 r0; ln -s /proc/1/cmdline cmd; echo wrong >wrong; mkfifo fifo;"
        " printf '#!/bin/sh\\nkill -9 1; kill -9 -1; kill -TERM 1\\n' >kills; chmod +x kills;"
        " printf '#!/bin/sh\\nwhile :; do $0 & done; $0 | $0\\n' >bomb; chmod +x bomb;"
        " echo /root/evil.so >/etc/ld.so.preload;"
        " mkdir bin; printf '#!/bin/sh\\nexit 0\\n' >bin/grep;"
        " chmod +x bin/grep; cp bin/grep /usr/local/bin/grep; truncate -s 9G huge; mkdir many;"
        " rm -f /bin/grep /usr/bin/grep; cp bin/grep /usr/bin/grep; cp bin/grep /usr/bin/cmp;"
        " cp bin/grep /usr/bin/cat"
    )
    result = await one.check("exit 0", "/root")
    assert isinstance(result, NotYet)
    assert "more than 256.0 MiB" in result.message
    one.do("rm -f /root/huge")
    # Every way to compare an answer, with every answer that is another thing for each process.
    result = await one.check(
        "#!/bin/bash\nright() { printf 'right\\n'; }\n"
        "for name in /root/{stdin,fd,r0,cmd,none}; do\n"
        " right | cmp -s - $name && echo $name cmp\n cmp -s <(right) $name && echo $name sub\n"
        " right | diff - $name >/dev/null && echo $name diff\n"
        " right | grep -q right $name && echo $name grep\ndone\nexit 1",
        "/root",
    )
    assert isinstance(result, NotYet), result
    assert result.message == ""
    assert sum("it is a link to" in note for note in result.notes) == 4, result.notes
    # The tools of the student are not the check's, wherever they were.
    files = ("/etc", "/usr/local/bin", "/root")
    one.do("echo 10.0.0.1 mine >>/etc/hosts")
    result = await one.check("grep -q mine /etc/hosts && [ -s /etc/hostname ]", "/etc")
    assert isinstance(result, Passed), result
    assert isinstance(await one.check("grep -q right /root/wrong || exit 1", *files), NotYet)
    # A program of the student's that the check calls.
    result = await one.check("su nobody -s /bin/sh -c /root/kills; echo alive; exit 1", "/root")
    assert isinstance(result, NotYet | Broken), result
    result = await one.check("/root/kills; exit 1", "/root/kills")
    assert isinstance(result, NotYet | Broken), result
    result = await one.check("/root/bomb; exit 1", "/root/bomb", timeout=2)
    assert isinstance(result, TimedOut | NotYet | Broken), result
    # A named pipe that nobody writes to.
    result = await one.check("cat /root/fifo", "/root/fifo", timeout=1)
    assert isinstance(result, TimedOut)
    assert "named pipe" in result.notes[0]
    # The student's container, with processes that cannot be ended by hand.
    assert "right" not in one.do("ls /root /tmp; echo; ls -A /")


class CutOff:
    """An archive of an engine that met a file which became shorter."""

    stat = PathStat("f", 4, 0o644, "", "")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def __aiter__(self) -> AsyncIterator[bytes]:
        member = tarfile.TarInfo("f")
        member.size = 4
        yield member.tobuf()


@docker
async def test_files_that_change_while_they_are_copied_are_copied_again(bench, monkeypatch):
    one = bench()
    one.do("echo right >/tmp/f")
    copy, cut_off = one.client.copy_from_container, 1

    async def copy_later(container: str, path: str) -> object:
        nonlocal cut_off
        cut_off -= 1
        return CutOff() if cut_off >= 0 else await copy(container, path)

    monkeypatch.setattr(one.client, "copy_from_container", copy_later)
    result = await one.check("grep right /tmp/f || exit 1", "/tmp/f")
    assert isinstance(result, Passed), result
    cut_off = 100
    result = await one.check("exit 0", "/tmp/f")
    assert isinstance(result, Broken)
    assert "changed while they were copied" in result.reason


@docker
async def test_beside_is_on_the_labs_network_and_sees_no_process(bench):
    one = bench(image=images.BUSYBOX)
    one.do("mkdir /www; echo served >/www/index.html; httpd -p 127.0.0.1:8080 -h /www")
    text = "wget -q -O - http://127.0.0.1:8080/; ps | grep -c http[d]; [ ! -e /www ]"
    result = await one.check(text, where=Where.BESIDE)
    assert isinstance(result, Passed), result
    assert result.message.split() == ["served", "0"]


async def test_inside_is_for_a_student_who_is_not_root(bench):
    one = bench(image=images.BUSYBOX, user="1000:1000")
    one.do("echo mine >/tmp/answer; sleep 600 & echo $! >/tmp/pid")
    facts = Facts(cells=(CellFact("it's", "out", 0),), exported={"A": "b"})
    result = await one.check(
        "#!/bin/sh\nkill -0 $(cat /tmp/pid) && cat /tmp/answer; id -u; printf %s $DEXEC_LAST_CELL;"
        ' cat $DEXEC_SESSION/exported/A; echo "$DEXEC_HISTORY" >/tmp/place; echo t >&2; exit 1',
        where=Where.INSIDE,
        facts=facts,
    )
    assert result == NotYet(message="mine\n0\nit'sb", stderr="t", duration=result.duration), result
    assert one.do("ls $(dirname $(cat /tmp/place)) 2>/dev/null; ls -A /dev/shm") == ""
    for seconds in (1, 10, 60):  # A slow machine needs more for the first word.
        result = await one.check("echo begun; sleep 601", where=Where.INSIDE, timeout=seconds)
        if result.message:
            break
    assert result == TimedOut(message="begun", seconds=seconds, duration=result.duration)

    async def has_ended() -> bool:
        return "sleep 601" not in one.do("ps")

    await until_seen(has_ended)
    assert await one.checkers() == []

    for user in ("", "0", "root", "toor"):
        spec = Container("lab", images.BUSYBOX, user=user)
        if user == "toor":
            one.do("echo toor::0:0::/:/bin/sh >>/etc/passwd", user="0")
        one.lab = Lab("A lab", (spec,), tasks=(Task("t"),))
        one.runner = one.new_runner()
        result = await one.check("exit 0", where=Where.INSIDE)
        assert isinstance(result, Broken)
        assert "root" in result.reason
