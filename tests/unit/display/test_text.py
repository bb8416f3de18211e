"""Text and values from outside, made fit for a line or a message."""

from __future__ import annotations

import json

import pytest

from dexec_kernel.display.text import MAX_DEPTH, is_deep, one_line, sendable, well_formed


def nested(depth: int):
    value: object = "x"
    for number in range(depth):
        value = [value] if number % 2 else {"k": value}
    return value


def test_a_line_has_nothing_that_breaks_it():
    assert one_line("a\nb\u202ec\ud800") == "a b c "


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\ud800b", "a\ufffdb"), ("\udfff\ud800", "\ufffd\ufffd"), ("ü\U0001f600", "ü\U0001f600")],
)
def test_half_a_surrogate_pair_is_replaced(text, shown):
    assert well_formed(text) == shown


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (
            {"a\ud800": ["b\udc00", 1, None, True, 1.5]},
            {"a\ufffd": ["b\ufffd", 1, None, True, 1.5]},
        ),
        ({1: (2, 3)}, {"1": [2, 3]}),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (b"x", "b'x'"),
    ],
)
def test_what_json_cannot_say_is_replaced(value, sent):
    assert sendable(value) == sent
    json.dumps(sendable(value), allow_nan=False).encode()


def test_deep_values_are_cut():
    assert sendable(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    assert "…" in json.dumps(sendable(nested(100_000)), ensure_ascii=False)


def test_how_deep_is_too_deep():
    assert not is_deep("x")
    assert not is_deep(nested(MAX_DEPTH))
    assert is_deep(nested(MAX_DEPTH + 1))
    assert is_deep(nested(100_000))
