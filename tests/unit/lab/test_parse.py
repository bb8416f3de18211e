"""``lab.toml`` -> a lab, and every problem with the key and what would be right."""

from __future__ import annotations

from datetime import date
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexec_kernel.backend.lifecycle import HealthConfig
from dexec_kernel.lab import parse
from dexec_kernel.lab.parse import parse_lab
from dexec_kernel.lab.spec import AtIdle, Capabilities, Container, Lab, Task, Where
from tests.fuzzing import examples

SMALL = 'title = "T"\n[container]\nimage = "i"\n[tasks.a]\ntitle = "A"\n'
WHOLE = b"""
title = "Whole"
[containers.web]
image = "nginx"
command = "nginx -g 'daemon off;'"
mem_limit = "128m"
cpus = 0.5
pids_limit = 64
network_mode = "bridge"
read_only = true
tmpfs = ["/run:size=1m", "/tmp"]
cap_add = ["NET_RAW", "cap_kill"]
user = "1000:1000"
working_dir = "/srv"
environment = { LANG = "C", PASSWORD = "swordfish" }
volumes = ["./data:/data:ro", "cache:/cache"]
depends_on = { db = { condition = "service_healthy" } }
[containers.db]
image = "redis"
[containers.db.healthcheck]
test = "redis-cli ping"
interval = "5s"
timeout = 2
start_period = "1m"
retries = 3
[lab]
time = "1h30m"
idle = "10m"
at_idle = "stop"
capabilities = "network"
keep = true
[tasks.a]
title = "A"
points = 2.5
files = ["/srv/a"]
timeout = "20s"
hints_after = 0
[tasks.b]
title = "B"
where = "beside"
after = ["a"]
"""


def problems_of(text: str) -> list[str]:
    return parse_lab(text.encode())[1]


def test_every_key():
    lab, problems = parse_lab(WHOLE)
    assert problems == []
    assert lab is not None
    web, db = lab.containers
    assert web == Container(
        name="web",
        image="nginx",
        command=("nginx", "-g", "daemon off;"),
        mem_limit=128 * 1024**2,
        cpus=0.5,
        pids_limit=64,
        network_mode="bridge",
        read_only=True,
        tmpfs=("/run:size=1m", "/tmp"),
        cap_add=("NET_RAW", "cap_kill"),
        user="1000:1000",
        working_dir="/srv",
        environment={"LANG": "C", "PASSWORD": "swordfish"},
        volumes=("./data:/data:ro", "cache:/cache"),
        depends_on=("db",),
    )
    assert "swordfish" not in repr(lab)
    assert db.healthcheck == HealthConfig(("CMD-SHELL", "redis-cli ping"), 5, 2, 60, 3)
    assert (lab.title, lab.time, lab.idle, lab.keep) == ("Whole", 5400, 600, True)
    assert lab.at_idle is AtIdle.STOP
    assert lab.capabilities is Capabilities.NETWORK
    assert lab.tasks == (
        Task("a", "A", 2.5, ("/srv/a",), timeout=20, hints_after=0),
        Task("b", "B", where=Where.BESIDE, after=("a",)),
    )
    assert lab.points == 3.5
    assert (web.is_root, db.is_root) == (False, True)


def test_what_is_missing_has_its_default():
    lab, problems = parse_lab(SMALL.encode())
    assert problems == []
    assert lab == Lab(title="T", containers=(Container("lab", "i"),), tasks=(Task("a", "A"),))
    assert (lab.containers[0].network_mode, lab.tasks[0].where) == ("none", Where.FRESH)
    assert (lab.tasks[0].timeout, lab.tasks[0].hints_after) == (15, 3)


@pytest.mark.parametrize("content", [b"title = ", b"\xff", b"a = 1\na = 2"])
def test_what_is_no_toml_is_one_problem_and_no_lab(content):
    lab, problems = parse_lab(content)
    assert lab is None
    assert len(problems) == 1


def test_an_empty_file_misses_everything():
    assert problems_of("") == [
        "title is missing, and should be text in quotes",
        "container is missing, and should be a table: [container]",
        "tasks is missing, and should be a table for each task: [tasks.NAME]",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("titel = 1\n" + SMALL, "titel is not a key; did you mean title?"),
        (SMALL.replace('"T"', '" "'), "title is ' ', and should be text"),
        (SMALL.replace('image = "i"', ""), "container.image is missing"),
        (SMALL.replace('image = "i"', "image = 1"), "container.image is 1, and should be text"),
        (SMALL + "[containers.x]\nimage = 'i'", "exclude each other"),
        ("title = 'T'\n[containers]\n[tasks.a]\ntitle = 'A'", "containers has no container"),
        ("title = 'T'\ncontainers = 1\n[tasks.a]\ntitle = 'A'", "containers is 1, and should be"),
        (SMALL + f"[tasks.{'a' * 64}]\ntitle = 'x'", "it may have 63 ASCII letters"),
        (SMALL + "[tasks.'a b']\ntitle = 'x'", "cannot be a name"),
        (SMALL + "[tasks.b]\n", "tasks.b.title is missing"),
        (SMALL + "pionts = 1", "tasks.a.pionts is not a key; did you mean tasks.a.points?"),
        (SMALL + "points = -1", "tasks.a.points is -1, and should be a number, at least 0"),
        (SMALL + "timeout = 'soon'", "tasks.a.timeout is 'soon', and should be seconds"),
        (SMALL + "files = '/a'", "tasks.a.files is '/a', and should be a list"),
        (SMALL + "files = ['a']", "'a' should be an absolute path"),
        (SMALL + "files = ['/']", "'/' should be an absolute path below /"),
        (SMALL + "files = ['/usr/local/bin/']", "has the programs and settings that the check"),
        (SMALL + "files = ['/lib/x86_64-linux-gnu']", "has the programs and settings that"),
        (SMALL + "files = ['/srv/*.txt']", "'/srv/*.txt' is no pattern"),
        (SMALL + "check = 'a.sh'", "tasks.a.check is not a key; checks/NAME.sh is the check"),
        ("services = 1\n" + SMALL, "services is not a key; write a table for each container"),
        (SMALL + "[lab]\npoints = 1", "lab.points is not a key; a task has it"),
        (SMALL + "files = ['/proc/1/fd']", "'/proc/1/fd' is not on a disk"),
        (SMALL + 'files = ["/a\\nb"]', "has a character that cannot be shown"),
        (
            SMALL.replace("[tasks", "tmpfs = ['/run/x:size=1m']\n[tasks", 1)
            + "files = ['/run/x/a']",
            "'/run/x/a' is in memory (tmpfs)",
        ),
        (SMALL + "files = ['/a/../b']", "without .."),
        (SMALL + f"files = ['/srv/{'ü' * 128}/b']", "b' has a name of 256 bytes; 255 is the most"),
        (SMALL + f"files = ['{'/abcdefg' * 512}']", "has more than 4095 bytes"),
        (SMALL + "where = 'beside'\nfiles = ['/a']", 'files is for where = "fresh"'),
        (SMALL + "where = 'insde'", "did you mean 'inside'?"),
        (SMALL + "where = 'inside'", "where the student may be root"),
        (SMALL + "after = ['b']", "tasks.a.after: there is no task 'b'; there is a"),
        (SMALL + "after = ['a']", "a would come after itself"),
        (SMALL + "[lab]\ncapabilities = 'all'", "lab.capabilities is 'all', and should be one of"),
        (SMALL + "[lab]\ntime = 0", "lab.time is 0, and should be seconds"),
        (SMALL + "[lab]\nkeep = 'yes'", "lab.keep is 'yes', and should be true or false"),
        (SMALL + "[lab]\nfoo = 1", "lab.foo is not a key; the keys here are at_idle, capab"),
    ],
)
def test_each_mistake_is_named_with_its_key(text, words):
    found = problems_of(text)
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("command = 1", "command is 1, and should be a command line"),
        ("mem_limit = 'much'", "mem_limit is 'much', and should be \"6m\" or more"),
        ("mem_limit = '1b'", "mem_limit is '1b', and should be \"6m\" or more"),
        ("cpus = 0", "cpus is 0, and should be a number from 0.01"),
        ("cpus = 1e-12", "cpus is 1e-12, and should be a number from 0.01"),
        ("user = 'a b'", "user is 'a b', and should be a user in quotes"),
        ("user = 'a:b:c'", "user is 'a:b:c', and should be a user in quotes"),
        ('user = "a\\u0000"', "and should be a user in quotes"),
        ('working_dir = "/a\\u0000"', "and should be an absolute path"),
        ('environment = { A = "SECRET\\u0000b" }', "environment: the value of 'A' should be"),
        ("environment = ['SECRET']", "environment: entry 1 should be"),
        ("pids_limit = '64'", "pids_limit is '64', and should be a whole number"),
        ("network_mode = 'host'", "network_mode is 'host', and should be one of 'none', 'bridge'"),
        ("tmpfs = 'tmp'", "tmpfs is 'tmp', and should be absolute paths"),
        ("cap_add = ['NET_ADMN']", "there is no 'NET_ADMN'; did you mean NET_ADMIN?"),
        ("cap_add = ['zz']", "there is no 'zz'"),
        ("working_dir = 'srv'", "working_dir is 'srv', and should be an absolute path"),
        ("environment = 'SECRET=1'", "environment is text, and should be a table"),
        ("volumes = ['/:/host']", "'/:/host' reaches the kernel's machine"),
        ("privileged = true", "container.privileged is not a key; cap_add, and capabilities of"),
        ("ports = ['80:80']", "container.ports is not a key; no port leaves the lab"),
        ("title = 'T'", "container.title is not a key; write it at the top"),
        ("memory = '1g'", "container.memory is not a key; mem_limit is the key"),
        ("tmpfs = ['/run:size=lots']", "tmpfs: '/run:size=lots' has the option"),
        ("healthcheck = { test = 'x', interval = 1e-4 }", "healthcheck.interval is 0.0001, and"),
        ("depends_on = ['b']", "there is no container 'b'; there is lab"),
        ("depends_on = ['lab']", "it would wait for itself"),
        ("depends_on = {}", "depends_on is a table, and should be"),
        (
            "depends_on = { lab = { condition = 'service_completed_successfully' } }",
            'depends_on is a table, and should be a list: ["db"], or a table: { db = {',
        ),
        ("depends_on = { lab = 1 }", "depends_on is a table, and should be"),
        (f"working_dir = '/{'ü' * 128}'", "container.working_dir has a name of 256 bytes"),
        (f"volumes = ['data:/{'a' * 256}']", "aa' has a name of 256 bytes"),
        (f"volumes = ['./{'a' * 256}:/data']", ":/data' has a name of 256 bytes"),
        (f"volumes = ['{'a' * 201}:/data']", ":/data' has a name of more than 200 characters"),
        (f"tmpfs = ['/{'a' * 256}:size=1m']", ":size=1m' has a name of 256 bytes"),
        ("volumes = ['ab:/data', 'cd:/data/']", "more than one of volumes and tmpfs is at '/data'"),
        ("volumes = ['ab:/x']\ntmpfs = '/x:size=1m'", "of volumes and tmpfs is at '/x'"),
        (f"pids_limit = {10**30}", "pids_limit is too large a number, and should be a whole"),
        ("healthcheck = {}", "container.healthcheck.test is missing"),
        ("healthcheck = { test = ' ' }", "healthcheck.test is ' ', and should be a command line"),
        ("healthcheck = { test = ['true'] }", "healthcheck.test is a list, and should be"),
        ("healthcheck = 1", "container.healthcheck is 1, and should be a table"),
    ],
)
def test_each_mistake_in_a_container(line, words):
    found = problems_of(SMALL.replace('image = "i"', f'image = "i"\n{line}'))
    assert any(words in problem for problem in found), found
    assert "SECRET" not in "".join(found)


def test_a_byte_order_mark_is_no_part_of_it():
    assert parse_lab(b"\xef\xbb\xbf" + SMALL.encode()) == parse_lab(SMALL.encode())


def test_a_test_in_docker_s_words():
    text = SMALL.replace('image = "i"', 'image = "i"\nhealthcheck = { test = ["CMD", "true"] }')
    lab, problems = parse_lab(text.encode())
    assert problems == []
    assert lab is not None
    assert lab.containers[0].healthcheck == HealthConfig(("CMD", "true"))


def test_a_circle_is_named_wherever_it_is():
    more = "".join(
        f"[tasks.{name}]\ntitle = 'x'\nafter = ['{after}']\n"
        for name, after in (("b", "c"), ("c", "b"), ("d", "b"))
    )
    assert [problem.partition(":")[0] for problem in problems_of(SMALL + more)] == [
        "tasks.b.after",
        "tasks.c.after",
    ]


def test_a_user_who_is_not_root_may_be_checked_inside():
    text = SMALL.replace('image = "i"', 'image = "i"\nuser = "student"') + "where = 'inside'"
    assert problems_of(text) == []
    assert problems_of(text.replace('"student"', '"0:1000"')) != []


_keys = st.text(max_size=3) | st.sampled_from(
    [
        *("title", "container", "containers", "image", "mem_limit", "cpus", "tmpfs", "cap_add"),
        *("environment", "volumes", "healthcheck", "test", "depends_on", "lab", "time", "keep"),
        *("capabilities", "tasks", "points", "files", "where", "after", "a", "b"),
    ]
)
_leaves = st.one_of(
    *(st.text(max_size=4), st.integers(), st.floats(), st.booleans()),
    st.sampled_from(["inside", "./a:/b", "1h", "a", 10**400, date(2026, 1, 1)]),
)
_values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.no_cover  # Its many examples would take twice as long.
@settings(max_examples=examples(30))
@given(st.dictionaries(_keys, _values, max_size=6))
def test_whatever_is_in_it_is_a_lab_or_a_problem(content):
    with patch.object(parse, "read_toml", lambda _content: content):
        lab, problems = parse_lab(b"")
    assert lab is not None
    assert all(isinstance(problem, str) for problem in problems)
    assert lab.points >= 0
