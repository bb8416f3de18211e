"""The policy of a lab: its kernel does what the lab allows, and nothing else. No I/O."""

from __future__ import annotations

from dexec_kernel.backend.models import LAB_LABEL
from dexec_kernel.lab.create import CELLS_LABEL, OWNER_LABEL
from dexec_kernel.policy.rules import OWN_USER, Policy


def policy_of(lab_name: str, owner: str) -> Policy:
    """Return what cells of a lab may do: all in the owner's containers, as the lab's users.

    A restart by the engine would let go of the container; ``%lab reset`` is the lab's own way.
    """
    return Policy(
        file=f"the lab {lab_name}",
        labels=(f"{LAB_LABEL}={lab_name}", f"{OWNER_LABEL}={owner}", CELLS_LABEL),
        restart=False,
        users=(OWN_USER,),
        privileged=False,
        local_files=False,
        advice="A lab's cells stay in the lab's own containers: `%lab` shows them.",
    )
