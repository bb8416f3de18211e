"""The end of a live bar: closed where one page shows it, settled where another came."""

from __future__ import annotations

import pytest

from dexec_kernel.display.last_form import LastForm


class FakeBar:
    bar_id = "bar"

    def __init__(self):
        self.ends: list[str] = []

    def foresee(self, html):
        self.ends.append(f"{html} with the kernel")

    def plain_models(self, html):
        return {"bar": html}

    def settle(self, html):
        self.ends.append(f"settled as {html}")

    def close(self):
        self.ends.append("closed")


class FakeLater:
    def __init__(self):
        self.asked = 1
        self.kept: list[tuple] = []

    def keep(self, bar_id, models, data, *, has_ended):
        self.kept.append((bar_id, models, data, has_ended))


@pytest.mark.parametrize(("asks", "end"), [(0, "closed"), (2, "settled as over")])
def test_end(asks, end):
    bar, later = FakeBar(), FakeLater()
    form = LastForm(bar, later)
    form.keep({"text/html": "killed"})
    later.asked += asks
    form.end({"text/html": "over"})
    assert later.kept == [
        ("bar", {"bar": "killed"}, {"text/html": "killed"}, False),
        ("bar", {"bar": "over"}, {"text/html": "over"}, True),
    ]
    assert bar.ends == ["killed with the kernel", end]
