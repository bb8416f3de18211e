"""How a checker's container is made."""

from __future__ import annotations

import pytest

from dexec_kernel.backend.lifecycle import HealthConfig
from dexec_kernel.backend.models import LAB_LABEL
from dexec_kernel.lab.checks.config import checker_config, copied
from dexec_kernel.lab.checks.script import DRIVER
from dexec_kernel.lab.spec import Capabilities, Container, Lab

CONTAINER = Container(
    "lab",
    "image:1",
    command=("nginx",),
    mem_limit=1000,
    cpus=0.5,
    network_mode="bridge",
    read_only=True,
    tmpfs=("/run:size=1m",),
    user="student",
    working_dir="/home/student",
    environment={"A": "b"},
    volumes=("data:/data", "./given:/given", "./other:/other:ro"),
    healthcheck=HealthConfig(("CMD", "true")),
)


def test_it_is_as_the_labs_own_for_one_shell_that_waits(tmp_path):
    lab = Lab("L", (CONTAINER,), capabilities=Capabilities.NONE)
    for name in ("given", "other"):
        (tmp_path / name).mkdir()
    config = checker_config(lab, tmp_path, "me", labels={"more": "1"})
    assert config.image == "image:1"
    assert (config.entrypoint, config.cmd) == (("sh", "-c", DRIVER, "check"), ())
    assert (config.user, config.working_dir) == ("0", "/")
    assert (config.memory, config.cpus, config.pids) == (1000, 0.5, 512)
    assert (config.network_mode, config.env) == ("none", {"A": "b"})
    assert (config.open_stdin, config.stdin_once) == (True, True)
    assert (config.auto_remove, config.discards_log, config.read_only) == (True, True, False)
    assert config.binds == (f"{tmp_path}/given:/given:ro", f"{tmp_path}/other:/other:ro")
    assert config.health is None
    assert config.no_new_privileges
    assert config.cap_drop == ("ALL",)
    assert {"DAC_OVERRIDE", "SETUID", "KILL"} <= set(config.cap_add)
    assert config.labels["more"] == "1"
    assert config.labels[LAB_LABEL] == tmp_path.name
    assert config.labels["dexec.lab.owner"] == "me.check"


def test_a_labs_own_bound_of_processes_and_a_network(tmp_path):
    lab = Lab("L", (Container("lab", "i", pids_limit=9),))
    config = checker_config(lab, tmp_path, "me", labels={}, network="container:x")
    assert (config.pids, config.network_mode, config.hostname) == (9, "container:x", "")


@pytest.mark.parametrize(
    ("path", "is_copied"),
    [("/given", False), ("/given/a", False), ("/givenx", True), ("/data/a", True), ("/a", True)],
)
def test_a_folder_of_the_lab_is_there_already(path, is_copied):
    assert copied((path,), CONTAINER) == ([path] if is_copied else [])
