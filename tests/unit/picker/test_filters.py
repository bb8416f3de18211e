"""Filters of the picker: what no setting shows."""

from __future__ import annotations

from dataclasses import replace

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.picker.filters import ContainerFilters


def test_no_container_of_a_lab_is_shown():
    shown = ContainerSummary("1", "web", "i", "running", "", {"dexec.kernel": "true"})
    lab = replace(shown, labels={"dexec.lab": "x", "dexec.kernel": "true"})
    assert ContainerFilters(only_labelled=True).allow(shown)
    assert not ContainerFilters(only_labelled=True).allow(lab)
