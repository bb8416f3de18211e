from __future__ import annotations

import pytest

from dexec_kernel.backend.models import (
    MAX_ARGUMENT_SIZE,
    ExecConfig,
)
from dexec_kernel.errors import ConfigurationError


@pytest.mark.parametrize("size", [MAX_ARGUMENT_SIZE, MAX_ARGUMENT_SIZE + 1])
@pytest.mark.parametrize("char", ["x", "é"])
@pytest.mark.parametrize("place", ["cmd", "env"])
def test_argument_limit_is_in_bytes(size, char, place):
    text = char * (size // 2 - 1)
    padding = "x" * (size - len(text.encode()))
    entry = text + padding
    assert len(entry.encode()) == size
    if place == "cmd":
        config = ExecConfig(["echo", entry])
    else:
        config = ExecConfig(["env"], env={"A": entry[: -len("A=")]})
    if size == MAX_ARGUMENT_SIZE:
        config.check()
    else:
        with pytest.raises(ConfigurationError, match=r"131,072 bytes.*at most 131,071"):
            config.check()


@pytest.mark.parametrize(
    "config",
    [
        ExecConfig([]),
        ExecConfig([""]),
        ExecConfig("ls -l"),
        ExecConfig(["a\0b"]),
        ExecConfig(["a"], env={"A": "\0"}),
        ExecConfig(["a"], env={"": "x"}),
        ExecConfig(["a"], env={"A=B": "x"}),
        ExecConfig(["a", "\ud800"]),
    ],
)
def test_what_no_engine_can_execute(config):
    with pytest.raises(ConfigurationError):
        config.check()


@pytest.mark.parametrize("value", ["s3cret\0", "s3cret" * 30_000, "s3cret\ud800"])
def test_values_of_the_environment_never_show(value):
    config = ExecConfig(["a"], env={"TOKEN": value})
    assert "s3cret" not in repr(config)
    with pytest.raises(ConfigurationError) as caught:
        config.check()
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
