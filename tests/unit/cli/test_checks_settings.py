from __future__ import annotations

import pytest

from dexec_kernel.cli.checks_settings import check_settings
from dexec_kernel.cli.findings import Verdict


@pytest.mark.parametrize(
    ("environ", "status", "words"),
    [
        ({"HOME": "/root"}, Verdict.OK, "the defaults"),
        ({"DEXEC_TIMEOUT": "60", "DEXEC_STANDBY": "2"}, Verdict.OK, "DEXEC_STANDBY, DEXEC_TIMEOUT"),
        ({"DEXEC_PICKER_PODS": "off", "DEXEC_KUBE_CONTEXT": "a"}, Verdict.OK, "the defaults"),
        ({"DEXEC_TIMEOUT": "soon"}, Verdict.FAILED, "DEXEC_TIMEOUT is 'soon'"),
        ({"DEXEC_STATUS_BAR": "life"}, Verdict.FAILED, "DEXEC_STATUS_BAR is 'life'"),
        ({"DEXEC_TIMEUOT": "60"}, Verdict.WARNING, "Did you mean DEXEC_TIMEOUT?"),
        ({"DEXEC_X": "1"}, Verdict.WARNING, "DEXEC_X is no setting."),
    ],
)
def test_what_the_environment_gives_to_kernels(environ, status, words):
    finding = check_settings(environ)
    assert finding.status is status
    assert words in finding.message
    assert bool(finding.fix) == (status is not Verdict.OK)
