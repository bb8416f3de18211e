"""The decisions of a policy. Whatever it does not allow by name is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from dexec_kernel.errors import PolicyRefused
from dexec_kernel.policy.rules import KEYS, Files, Policy

DEFAULTS = SimpleNamespace(
    timeout=0.0, interrupt_grace=2.0, output_limit=2000, log_limit=9000, history_file=""
)


@dataclass
class Container:
    name: str = "lab-1"
    labels: dict[str, str] = field(default_factory=dict)


def service(name: str, service: str) -> Container:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": service}
    return Container(name, labels)


def asked(**settings) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(DEFAULTS), **settings})


def refusal(check, *arguments, **named) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        check(*arguments, **named)
    return caught.value


def test_without_settings_nothing_is_refused():
    policy = Policy()
    policy.check_engine("tcp://anywhere:1")
    policy.check_container(Container())
    policy.check_restart("web")
    policy.check_exec("web", "root", "", privileged=True)
    policy.check_detached()
    policy.check_files("web", "student", Files.WRITE)
    policy.check_local_files("%cp")
    policy.check_settings(asked(timeout=1e9, output_limit=0, history_file="/x"), DEFAULTS)
    policy.check_timeout_magic(0)
    assert policy.cell_timeout(None, 0.0) is None
    assert policy.cell_timeout(0.0, 5.0) is None
    assert policy.cell_timeout(None, 5.0) == 5.0
    assert policy.cell_timeout(7.0, 5.0) == 7.0
    assert (policy.output_limit(0), policy.log_limit(9000)) == (0, 9000)


def test_a_refusal_names_the_setting_and_the_file():
    error = refusal(Policy(file="/etc/p", engines=()).check_engine, "unix:///a")
    assert (error.setting, error.file, error.name) == ("engines", "/etc/p", "PolicyRefused")
    assert error.message == (
        "The engine unix:///a may not be used. The policy refuses it: engines in /etc/p."
    )
    assert error.advice


@pytest.mark.parametrize("url", ["unix:///a/../b", "unix:///b/", "tcp://b", "", "unix:///B"])
def test_an_engine_is_named_as_it_is_written(url):
    policy = Policy(engines=("unix:///b",))
    policy.check_engine("unix:///b")
    refusal(policy.check_engine, url)


@pytest.mark.parametrize(
    ("container", "key"),
    [
        (Container("lab-1", {"a": "1"}), ""),
        (Container("web", {"a": "1"}), "containers.include"),
        (Container("Lab-1", {"a": "1"}), "containers.include"),
        (Container("lab-x", {"a": "1"}), "containers.exclude"),
        (Container("lab-1", {"a": "2"}), "containers.labels"),
        (Container("lab-1"), "containers.labels"),
    ],
)
def test_containers_by_name_and_label(container, key):
    policy = Policy(include=("lab-*",), exclude=("*-x",), labels=("a=1",))
    assert policy.allows(container) is (not key)
    if key:
        assert refusal(policy.check_container, container).setting == key


def test_a_label_may_have_any_value():
    policy = Policy(labels=("a",))
    assert policy.allows(Container(labels={"a": ""}))
    assert not policy.allows(Container(labels={"A": ""}))


def test_a_service_has_two_names_and_each_may_exclude_it():
    assert Policy(include=("shop/web",)).allows(service("x", "web"))
    assert Policy(include=("x",)).allows(service("x", "web"))
    assert not Policy(exclude=("shop/*",)).allows(service("x", "web"))
    assert not Policy(exclude=("x",)).allows(service("x", "web"))


@pytest.mark.parametrize(
    "user", ["root", "0", "", "student:0", "student:docker", "1001", " student", "student ", ":0"]
)
def test_a_user_is_named_as_it_is_written(user):
    policy = Policy(users=("student",))
    policy.check_exec("web", "student", "", privileged=False)
    assert refusal(policy.check_exec, "web", user, "", privileged=False).setting == "exec.users"


def test_without_a_name_the_own_user_counts_whatever_a_label_says():
    policy = Policy(users=("student",))
    policy.check_exec("web", "", "student", privileged=False)
    assert "'root'" in refusal(policy.check_exec, "web", "", "", privileged=False).message


def test_the_own_user_may_be_allowed_without_its_name():
    policy = Policy(users=("@own",))
    for own in ("", "student", "1000:1000"):
        policy.check_exec("web", "", own, privileged=False)
        policy.check_exec("web", own, own, privileged=False)
    policy.check_exec("web", "0", "", privileged=False)
    policy.check_exec("web", "", "root", privileged=False)
    for user in ("root", "1000", "@own"):
        refusal(policy.check_exec, "web", user, "1000:1000", privileged=False)


@pytest.mark.parametrize("user", ["", "0", "root"])
def test_root_has_three_names(user):
    Policy(users=("root",)).check_exec("web", user, "", privileged=False)
    refusal(Policy(users=("root",)).check_exec, "web", "0:0", "", privileged=False)


def test_privileges_and_what_outlives_a_cell():
    policy = Policy(privileged=False, detach=False, restart=False)
    error = refusal(policy.check_exec, "web", "", "", privileged=True)
    assert error.setting == "exec.privileged"
    assert refusal(policy.check_detached).setting == "exec.detach"
    assert refusal(policy.check_restart, "web").setting == "containers.restart"
    assert refusal(Policy(timeout=5).check_detached).setting == "limits.timeout"


def test_files_of_containers():
    for allowed in Files:
        for wanted in Files:
            policy = Policy(container_files=allowed)
            if wanted <= allowed:
                policy.check_files("web", "", wanted)
            else:
                error = refusal(policy.check_files, "web", "", wanted)
                assert error.setting == "files.container"


def test_who_may_not_be_root_does_not_copy_as_root_unless_that_is_allowed_by_name():
    error = refusal(Policy(users=("student",)).check_files, "web", "student", Files.READ)
    assert (error.setting, "copies as root" in error.message) == ("exec.users", True)
    refusal(Policy(users=("@own",)).check_files, "web", "student", Files.READ)
    Policy(users=("@own",)).check_files("web", "", Files.WRITE)
    Policy(users=("root",)).check_files("web", "", Files.WRITE)
    allowed = Policy(users=("student",), container_files=Files.WRITE)
    allowed.check_files("web", "student", Files.WRITE)


def test_files_of_the_kernel_s_machine():
    policy = Policy(local_files=False)
    assert refusal(policy.check_local_files, "%cp").setting == "files.local"
    for file in ("", ":memory:"):
        policy.check_settings(asked(history_file=file), DEFAULTS)
    assert "/x" in refusal(policy.check_settings, asked(history_file="/x"), DEFAULTS).message
    refusal(policy.check_settings, asked(log_limit=1), DEFAULTS)
    policy.check_settings(asked(log_limit=0), DEFAULTS)
    assert policy.log_limit(9000) == 0
    # A variable names the program, and it would run on the kernel's machine.
    assert policy.notify_command("sh -c id") == ""
    assert Policy().notify_command("sh -c id") == "sh -c id"


def test_the_default_is_lowered_to_a_ceiling():
    policy = Policy(timeout=60, output=1000, log=500)
    policy.check_settings(DEFAULTS, DEFAULTS)
    assert policy.cell_timeout(None, 0.0) == 60
    assert (policy.output_limit(2000), policy.log_limit(9000)) == (1000, 500)
    assert (policy.output_limit(10), policy.log_limit(10)) == (10, 10)
    assert policy.output_limit(0) == 1000


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"timeout": 61.0}, "limits.timeout"),
        ({"timeout": math.nan}, "limits.timeout"),
        ({"timeout": math.inf}, "limits.timeout"),
        ({"interrupt_grace": 1e9}, "limits.timeout"),
        ({"interrupt_grace": math.nan}, "limits.timeout"),
        ({"output_limit": 0}, "limits.output"),
        ({"output_limit": 1001}, "limits.output"),
        ({"log_limit": 501}, "limits.log"),
    ],
)
def test_a_setting_above_a_ceiling_is_refused(settings, key):
    policy = Policy(timeout=60, output=1000, log=500)
    assert refusal(policy.check_settings, asked(**settings), DEFAULTS).setting == key


def test_a_setting_below_a_ceiling_holds():
    policy = Policy(timeout=60, output=1000, log=500)
    settings = asked(timeout=5.0, interrupt_grace=0.0, output_limit=1000, log_limit=500)
    policy.check_settings(settings, DEFAULTS)
    assert policy.cell_timeout(None, 5.0) == 5.0
    assert policy.cell_timeout(60.0, 5.0) == 60.0


@pytest.mark.parametrize("seconds", [0.0, 60.1, math.inf, math.nan, -1.0])
def test_a_cell_asks_for_no_more_than_the_ceiling(seconds):
    policy = Policy(timeout=60)
    assert refusal(policy.cell_timeout, seconds, 0.0).setting == "limits.timeout"
    assert refusal(policy.check_timeout_magic, seconds).setting == "limits.timeout"


def test_every_setting_has_a_key():
    assert set(KEYS) == {*Policy.__slots__} - {"file", "advice"}
