"""Private engines whose owner is gone."""

from __future__ import annotations

import tempfile

from devtools import private


def test_an_engine_that_goes_away_meanwhile_is_left_to_its_owner(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(private, "_PREFIX", "dexec-test-of-reaping-")
    (tmp_path / "dexec-test-of-reaping-1").symlink_to(tmp_path / "nowhere")
    assert private.reap() == []
