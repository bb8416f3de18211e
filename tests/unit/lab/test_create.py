"""A lab's containers as an engine makes them: their process, limits, capabilities, volumes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dexec_kernel.backend.images import ImageInspect
from dexec_kernel.backend.lifecycle import HealthConfig
from dexec_kernel.errors import LabUnusable
from dexec_kernel.lab import create
from dexec_kernel.lab.spec import Capabilities, Container, Lab

IMAGE = ImageInspect("sha256:1", cmd=("bash",))
SERVICE = ImageInspect("sha256:2", entrypoint=("/entry.sh",), cmd=("redis-server", "--quiet"))


def made(container: Container, *, lab: Lab | None = None, folder="/labs/one", **options):
    given = {"image": IMAGE, "labels": {"a": "b"}, "prefix": "p-", **options}
    return create.create_config(
        lab or Lab("A lab", (container,)), container, folder=folder, **given
    )


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def test_the_main_process_ends_with_its_stdin(folder):
    config = made(Container("lab", "debian"), folder=folder)
    assert config.entrypoint == ("sh", "-c", create.LEASH, "sh")
    assert (config.cmd, config.open_stdin, config.stdin_once) == ((), True, True)
    assert create.has_leash(config.labels)
    assert (config.hostname, config.network_mode, config.stop_timeout) == ("lab", "none", 1)


@pytest.mark.parametrize(
    ("command", "image", "words"),
    [
        ((), IMAGE, ()),
        ((), ImageInspect("1", cmd=("/bin/sh",)), ()),
        ((), SERVICE, ("/entry.sh", "redis-server", "--quiet")),
        (("redis-cli",), SERVICE, ("/entry.sh", "redis-cli")),
        (("sleep", "infinity"), IMAGE, ()),
        (("tail", "-f", "/dev/null"), IMAGE, ()),
        (("sh", "-c", "sleep 9"), IMAGE, ("sh", "-c", "sleep 9")),
    ],
)
def test_a_service_runs_beside_it_and_a_lone_shell_does_not(command, image, words):
    assert create.main_process(Container("x", "y", command=command), image) == words


def test_without_a_leash_the_command_is_the_main_process(folder):
    container = Container("lab", "noshell", command=("/serve",))
    config = made(container, folder=folder, image=SERVICE, has_leash=False)
    assert (config.entrypoint, config.cmd) == (None, ("/serve",))
    assert not config.open_stdin
    assert not create.has_leash(config.labels)


def test_limits_folders_and_health_are_passed_on(folder):
    container = Container(
        *("lab", "debian"),
        mem_limit=1,
        cpus=0.5,
        pids_limit=2,
        read_only=True,
        tmpfs=("/tmp", "/run:size=1m"),
        command=("serve",),
        user="student",
        working_dir="/home",
        environment={"A": "b"},
        volumes=("data:/data", "./files:/files:ro"),
        healthcheck=HealthConfig(("CMD", "true"), interval=1.5, retries=3),
    )
    (folder / "files").mkdir()
    config = made(container, folder=folder, network="net")
    assert (config.memory, config.cpus, config.pids, config.read_only) == (1, 0.5, 2, True)
    assert config.tmpfs == {"/tmp": "", "/run": "size=1m"}
    assert (config.user, config.working_dir, config.env) == ("student", "/home", {"A": "b"})
    assert config.binds == ("p-data:/data", f"{folder}/files:/files:ro")
    assert config.health == HealthConfig(("CMD", "true"), interval=1.5, retries=3)
    assert (config.network_mode, config.aliases, config.labels) == ("net", ("lab",), {"a": "b"})


def test_a_folder_is_the_lab_s_own_wherever_its_links_lead(folder):
    lab = folder / "my lab"
    for name in ("files", "checks", "more/checks"):
        (lab / name).mkdir(parents=True)
    for name, target in {"out": "..", "to_checks": "checks", "all": ".", "in": "files"}.items():
        (lab / name).symlink_to(target)
    assert create.bind("./in:/f:ro", lab, "p-") == f"{lab.resolve()}/files:/f:ro"
    assert create.bind("./more/checks:/f", lab, "p-") == f"{lab.resolve()}/more/checks:/f"
    for name in ("out", "to_checks", "all", "out/my lab/checks"):
        with pytest.raises(LabUnusable, match="leads out of the lab, or to its checks"):
            create.bind(f"./{name}:/f", lab, "p-")
    with pytest.raises(LabUnusable, match=r"has no folder \./missing"):
        create.bind("./missing:/f", lab, "p-")


@pytest.mark.parametrize(("user", "image_user"), [("1000", ""), ("1000", "app"), ("", "1000")])
def test_where_the_user_is_not_root_a_process_that_only_waits_is(folder, user, image_user):
    image = replace(IMAGE, user=image_user)
    config = made(Container("lab", "debian", user=user), folder=folder, image=image)
    assert (config.user, config.labels) == ("0", {"a": "b", "dexec.user": "1000"})
    service = made(
        Container("lab", "debian", user=user, command=("serve",)), folder=folder, image=image
    )
    assert (service.user, service.labels) == (user, {"a": "b"})
    without = made(
        Container("lab", "debian", user=user), folder=folder, image=image, has_leash=False
    )
    assert (without.user, without.labels) == (user, {"a": "b", "dexec.lab.unheld": "true"})


def test_root_is_root_without_a_label(folder):
    config = made(Container("lab", "debian", user="root"), folder=folder)
    assert (config.user, config.labels) == ("root", {"a": "b"})


def test_what_shares_a_network_has_no_name_of_its_own(folder):
    config = made(Container("db", "redis"), folder=folder, network="container:abc")
    assert (config.hostname, config.aliases, config.network_mode) == ("", (), "container:abc")


@pytest.mark.parametrize(
    ("kind", "has", "has_not"),
    [
        (Capabilities.NONE, {"SYS_PTRACE"}, {"CHOWN"}),
        (Capabilities.LINUX, {"SYS_PTRACE", "CHOWN", "SETUID", "KILL"}, {"NET_RAW", "SYS_ADMIN"}),
        (Capabilities.NETWORK, {"SYS_PTRACE", "CHOWN", "NET_RAW", "NET_ADMIN"}, {"SYS_ADMIN"}),
    ],
)
def test_capabilities_are_those_of_the_profile_and_no_others(kind, has, has_not, folder):
    container = Container("lab", "debian", cap_add=("cap_sys_ptrace",))
    config = made(container, lab=Lab("A", (container,), capabilities=kind), folder=folder)
    assert config.cap_drop == ("ALL",)
    assert set(config.cap_add) >= has
    assert not has_not & set(config.cap_add)
    assert config.no_new_privileges


def test_the_profile_docker_is_the_engines_own(folder):
    container = Container("lab", "debian")
    lab = Lab("A", (container,), capabilities=Capabilities.DOCKER)
    config = made(container, lab=lab, folder=folder)
    assert (config.cap_drop, config.cap_add, config.no_new_privileges) == ((), (), False)


def test_containers_start_after_those_they_depend_on():
    a, b, c = (
        Container("a", depends_on=("b", "gone")),
        Container("b", depends_on=("c",)),
        Container("c"),
    )
    assert [item.name for item in create.start_order(Lab("A", (a, b, c)))] == ["c", "b", "a"]
    circle = Lab("A", (Container("a", depends_on=("b",)), Container("b", depends_on=("a",))))
    assert len(create.start_order(circle)) == 2


def test_volumes_and_labels_are_those_of_the_owner():
    assert create.volume_prefix("one", "me") == create.volume_prefix("one", "me")
    assert create.volume_prefix("one", "me") != create.volume_prefix("one", "you")
    assert create.labels_of("one", "me", "lab") == {
        "dexec.lab": "one",
        "dexec.lab.owner": "me",
        "dexec.lab.container": "lab",
    }
    assert create.labels_of("one", "me") == {"dexec.lab": "one", "dexec.lab.owner": "me"}
