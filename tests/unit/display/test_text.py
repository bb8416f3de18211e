"""Text and values from outside, made fit for a line or a message."""

from __future__ import annotations

import json

import pytest

from dexec_kernel.display.text import (
    MAX_DEPTH,
    is_deep,
    one_line,
    sendable,
    some_lines,
    well_formed,
)


def nested(depth: int):
    value: object = "x"
    for number in range(depth):
        value = [value] if number % 2 else {"k": value}
    return value


@pytest.mark.parametrize(
    ("text", "line", "lines"),
    [
        ("a\nb\tc\r\nd", "a\\nb\\tc\\r\\nd", "a\nb\tc\nd"),
        ("\x1b[31m\x07\x85\r", "\\x1b[31m\\x07\\x85\\r", "\\x1b[31m\\x07\\x85\\r"),
        (
            "\u202e\u2066\u2028\ufeff",
            "\\u202e\\u2066\\u2028\\ufeff",
            "\\u202e\\u2066\\u2028\\ufeff",
        ),
        ("\ud800\U000e0041", "\\ud800\\U000e0041", "\\ud800\\U000e0041"),
        # An emoji of several, a space that does not break, a sign of a font of one's own.
        ("👩\u200d🚀 \u00a0\ue0b0 ü", "👩\u200d🚀 \u00a0\ue0b0 ü", "👩\u200d🚀 \u00a0\ue0b0 ü"),
        ("$x$ <b>", "$x$ <b>", "$x$ <b>"),
    ],
)
def test_what_would_act_is_shown(text, line, lines):
    assert one_line(text) == line
    assert some_lines(text) == lines


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
