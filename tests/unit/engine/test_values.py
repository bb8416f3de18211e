"""Values of the engine's JSON; tests of whole answers are in ``test_codec.py``."""

from __future__ import annotations

import pytest

from dexec_kernel.engine.values import (
    as_flag,
    as_labels,
    as_list,
    as_name,
    as_number,
    as_pid,
    as_text,
    reading,
)
from dexec_kernel.errors import ProtocolError


def test_values():
    assert (as_text(None), as_text("é\ud800"), as_name("x")) == ("", "é?", "x")
    assert (as_number(None), as_number(7)) == (None, 7)
    assert (as_pid(None), as_pid(0), as_pid(7)) == (None, None, 7)
    assert (as_flag(None), as_flag(value=True)) == (False, True)
    assert (as_list(None), as_list([1])) == ((), [1])
    assert (as_labels(None), as_labels({"a": None})) == ({}, {"a": ""})


@pytest.mark.parametrize(
    ("read", "value"),
    [
        *((as_text, 1), (as_name, ""), (as_list, {}), (as_flag, "false"), (as_flag, [])),
        *((as_number, "1"), (as_number, 2**64), (as_number, True), (as_pid, -1), (as_pid, 2**31)),
    ],
)
def test_others_are_errors(read, value):
    with pytest.raises(ProtocolError, match="The engine's thing cannot be read"), reading("thing"):
        read(value)
