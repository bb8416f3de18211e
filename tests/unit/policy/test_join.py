"""Two policies at once: what either refuses is refused, in its own words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dexec_kernel.errors import PolicyRefused
from dexec_kernel.policy.join import join
from dexec_kernel.policy.rules import Files, Policy

MACHINE = Policy(
    file="/etc/policy.toml",
    engines=("unix:///one",),
    exclude=("secret",),
    users=("student",),
    switching=False,
    detach=False,
    timeout=60,
    output=1000,
)
LAB = Policy(
    file="the lab one",
    labels=("dexec.lab=one",),
    users=("@own",),
    restart=False,
    privileged=False,
    local_files=False,
    timeout=90,
    log=10,
    advice="ask",
)
BOTH = join(MACHINE, LAB)


def named(name: str, **labels: str) -> SimpleNamespace:
    return SimpleNamespace(
        name=name, labels={key.replace("_", "."): v for key, v in labels.items()}
    )


def test_one_policy_alone_stays_itself():
    assert join(Policy(), LAB) is LAB
    assert join(MACHINE, Policy()) is MACHINE
    assert join(Policy(), Policy()) == Policy()


@pytest.mark.parametrize(
    ("check", "setting", "file"),
    [
        (lambda p: p.check_engine("unix:///two"), "engines", MACHINE.file),
        (lambda p: p.check_container(named("x")), "containers.labels", LAB.file),
        (
            lambda p: p.check_container(named("secret", dexec_lab="one")),
            "containers.exclude",
            MACHINE.file,
        ),
        (lambda p: p.check_restart("x"), "containers.restart", LAB.file),
        (lambda p: p.check_exec("x", "root", "student", privileged=False), "exec.users", "/etc"),
        (lambda p: p.check_exec("x", "", "student", privileged=True), "exec.privileged", "lab"),
        (lambda p: p.check_user("x", "student", "other"), "exec.users", LAB.file),
        (lambda p: p.check_detached(), "exec.detach", MACHINE.file),
        (lambda p: p.check_files("x", "student", Files.READ), "exec.users", MACHINE.file),
        (lambda p: p.check_local_files("%cp"), "files.local", LAB.file),
        (lambda p: p.check_history("/tmp/x"), "files.local", LAB.file),
        (lambda p: p.check_timeout_magic(61), "limits.timeout", MACHINE.file),
    ],
)
def test_what_either_refuses_is_refused_in_its_words(check, setting, file):
    with pytest.raises(PolicyRefused) as raised:
        check(BOTH)
    assert raised.value.setting == setting
    assert file in raised.value.file


def test_what_both_allow_is_allowed():
    BOTH.check_engine("unix:///one")
    assert BOTH.allows(named("x", dexec_lab="one"))
    BOTH.check_exec("x", "student", "student", privileged=False)
    BOTH.check_user("x", "student", "student")
    BOTH.check_history(":memory:")
    BOTH.check_timeout_magic(60)
    either = join(Policy(file="a"), Policy(file="b"))
    either.check_restart("x")
    either.check_detached()
    either.check_files("x", "", Files.WRITE)
    either.check_local_files("%cp")


def test_limits_are_the_lowest():
    assert (BOTH.cell_timeout(None, 0), BOTH.output_limit(0), BOTH.log_limit(0)) == (60, 1000, 0)
    assert join(Policy(file="a"), Policy(file="b")).notify_command("x") == "x"
    assert join(Policy(file="a"), Policy(file="b", local_files=False)).notify_command("x") == ""
    assert (BOTH.timeout, BOTH.output, BOTH.log) == (60, 1000, 10)
    assert not any((BOTH.switching, BOTH.restart, BOTH.privileged, BOTH.detach))
    assert BOTH.file == "/etc/policy.toml and the lab one"
    settings = SimpleNamespace(
        timeout=0, interrupt_grace=2, output_limit=2000, log_limit=0, history_file=""
    )
    defaults = SimpleNamespace(**{**vars(settings), "output_limit": 5})
    with pytest.raises(PolicyRefused, match=r"limits\.output"):
        BOTH.check_settings(settings, defaults)
    assert "containers.restart = false" in BOTH.described()
    either = join(Policy(file="a"), Policy(file="b"))
    either.check_settings(settings, defaults)
    assert (either.cell_timeout(None, 0), either.output_limit(0)) == (None, 0)


def test_a_refusal_from_outside_names_the_part_that_limits():
    assert BOTH.refused("containers.switching", "No.").file == MACHINE.file
    assert BOTH.refused("containers.restart", "No.").file == LAB.file
    assert BOTH.refused("something.else", "No.").file == MACHINE.file
    assert BOTH.refused("containers.restart", "No.").advice == "ask"
