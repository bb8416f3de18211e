"""What a lab's cells may do: nothing beyond the containers of its owner."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dexec_kernel.errors import PolicyRefused
from dexec_kernel.lab.confine import policy_of
from dexec_kernel.lab.create import CELLS_LABEL, labels_of

POLICY = policy_of("mylab", "me")


@pytest.mark.parametrize(
    ("labels", "allowed"),
    [
        ({**labels_of("mylab", "me", "lab"), CELLS_LABEL: "true"}, True),
        (labels_of("mylab", "me", ".check"), False),
        ({**labels_of("mylab", "another", "lab"), CELLS_LABEL: "true"}, False),
        ({**labels_of("otherlab", "me", "lab"), CELLS_LABEL: "true"}, False),
        ({}, False),
    ],
)
def test_only_the_owners_containers_are_reached(labels, allowed):
    assert POLICY.allows(SimpleNamespace(name="x", labels=labels)) is allowed


def test_neither_another_user_nor_the_kernels_machine_is_reached():
    POLICY.check_exec("x", "", "student", privileged=False)
    for user, privileged in (("root", False), ("", True)):
        with pytest.raises(PolicyRefused) as raised:
            POLICY.check_exec("x", user, "student", privileged=privileged)
        assert "%lab" in raised.value.advice
    for check in (POLICY.check_local_files, POLICY.check_history, POLICY.check_restart):
        with pytest.raises(PolicyRefused):
            check("/tmp/x")
