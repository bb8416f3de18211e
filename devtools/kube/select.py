"""Selectors of lists and watches: labels and fields, as far as pods have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Selects = Callable[[dict[str, Any]], bool]

_FIELDS = {
    "metadata.name": ("metadata", "name"),
    "metadata.namespace": ("metadata", "namespace"),
    "status.phase": ("status", "phase"),
    "spec.nodeName": ("spec", "nodeName"),
}


def selector(labels: str, fields: str) -> Selects:
    """Return the condition of both selectors. Raises ValueError for a field that has none."""
    tests = [_label_test(part) for part in labels.split(",") if part]
    tests += [_field_test(part) for part in fields.split(",") if part]
    return lambda found: all(test(found) for test in tests)


def _label_test(part: str) -> Selects:
    if "!=" in part:
        key, _, value = part.partition("!=")
        return lambda found: _labels(found).get(key) != value
    if "=" in part:
        key, _, value = part.replace("==", "=").partition("=")
        return lambda found: _labels(found).get(key) == value
    if part.startswith("!"):
        return lambda found: part[1:] not in _labels(found)
    return lambda found: part in _labels(found)


def _field_test(part: str) -> Selects:
    negated = "!=" in part
    key, _, value = part.replace("!=", "=").replace("==", "=").partition("=")
    if key not in _FIELDS:
        raise ValueError(f"field label not supported: {key}")
    first, second = _FIELDS[key]
    return lambda found: (found.get(first, {}).get(second, "") == value) is not negated


def _labels(found: dict[str, Any]) -> Mapping[str, str]:
    labels = found["metadata"].get("labels")
    return labels if isinstance(labels, dict) else {}
