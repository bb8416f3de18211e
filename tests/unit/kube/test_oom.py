"""Processes that were killed for want of memory, counted by their container."""

from __future__ import annotations

import subprocess

import pytest

from dexec_kernel.kube import oom
from dexec_kernel.kube.oom import OomKills

V2 = "low 0\nhigh 3\nmax 7\noom 2\noom_kill 12\noom_group_kill 0\n"
V1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 12\n"


@pytest.mark.parametrize("shell", [["bash"], ["dash"], ["busybox", "sh"]])
@pytest.mark.parametrize(
    ("content", "count"), [(V2, 12), (V1, 12), ("", None), (None, None), ("oom_kill x y", None)]
)
def test_the_count_is_read_without_another_process(shell, content, count, tmp_path):
    file = tmp_path / "events"
    if content is not None:
        file.write_text(content)
    script = oom.LOOK.replace("/sys/fs/cgroup/memory.events", str(file))
    script = script.replace("/sys/fs/cgroup/memory/memory.oom_control", str(tmp_path / "none"))
    done = subprocess.run(
        [*shell, "-c", script],
        capture_output=True,
        env={"PATH": "/nowhere"},
        executable=f"/usr/bin/{shell[0]}",
        check=False,
        timeout=60,
    )
    assert oom.looked(done.stdout) == count
    assert done.stderr == b""


@pytest.mark.parametrize(
    "said", [b"", b"looked", b"looked -1", b"looked \xb2", b"other 3", b"looked 1 2"]
)
def test_another_answer_tells_nothing(said):
    assert oom.looked(said) is None


def test_a_count_that_has_grown_since_is_one_more_that_was_killed():
    kills = OomKills()
    assert not kills.any_since("c", 0.0)
    kills.add("c", 10.0, 2)
    assert not kills.any_since("c", 20.0)
    kills.add("c", 30.0, 3)
    assert kills.any_since("c", 20.0)
    # The next command begins with what is known.
    assert not kills.any_since("c", 31.0)
    assert not kills.any_since("d", 20.0)


def test_the_first_count_is_the_one_of_the_exec_itself():
    kills = OomKills()
    kills.add("c", 10.1, 2)
    assert not kills.any_since("c", 10.0)
    kills.add("c", 12.0, 3)
    assert kills.any_since("c", 10.0)


def test_a_container_that_was_restarted_counts_anew():
    kills = OomKills()
    kills.add("c", 1.0, 5)
    kills.add("c", 2.0, 0)
    assert not kills.any_since("c", 0.0)
    kills.add("c", 3.0, 1)
    assert kills.any_since("c", 2.5)
