"""The reports of a pull and of a load: decoded however they are cut, and added up."""

from __future__ import annotations

import json

import pytest

from dexec_kernel.backend.images import PullProgress
from dexec_kernel.engine.image_reports import Pull, Report, ReportDecoder, loaded_names
from dexec_kernel.errors import ProtocolError


def line(**content) -> bytes:
    return json.dumps(content).encode() + b"\r\n"


def layer(name: str, text: str, current: int = 0, total: int = 0) -> Report:
    return Report(text, name, current, total)


def test_reports_are_decoded_however_they_are_cut():
    detail = {"current": 3, "total": 9}
    data = line(status="Downloading", id="a", progressDetail=detail) + b"\r\n"
    data += line(stream="Loaded image: x\n") + line(error="no", errorDetail={"message": "none"})
    data += b'{"error": "at the end"}'
    expected = [
        Report("Downloading", "a", 3, 9),
        Report("Loaded image: x\n"),
        Report(error="none"),
        Report(error="at the end"),
    ]
    for size in (1, 7, len(data)):
        decoder, found = ReportDecoder(), []
        for start in range(0, len(data), size):
            found += decoder.receive_data(data[start : start + size])
        assert found + decoder.receive_eof() == expected
        assert decoder.receive_eof() == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"progressDetail": {"current": "x", "total": -1}}, Report()),
        ({"progressDetail": [1], "status": None, "id": 5}, Report(layer="5")),
        ({"errorDetail": {"code": 1}}, Report(error="{'code': 1}")),
        ({"errorDetail": {}, "error": ""}, Report()),
    ],
)
def test_odd_reports(content, expected):
    assert ReportDecoder().receive_data(line(**content)) == [expected]


@pytest.mark.parametrize("data", [b"{\n", b"[]\n", b"\xff\n", b"x" * 1_100_000])
def test_what_is_no_report(data):
    with pytest.raises(ProtocolError):
        ReportDecoder().receive_data(data)


def test_layers_are_added_up():
    pull = Pull()
    assert pull.receive(layer("", "Pulling from library/x")) == PullProgress()
    pull.receive(layer("a", "Pulling fs layer"))
    pull.receive(layer("a", "Downloading", 10, 100))
    assert pull.receive(layer("b", "Downloading", 5, 50)) == PullProgress(15, 150)
    found = pull.receive(layer("a", "Extracting", 1, 100))
    assert (found, found.is_unpacking) == (PullProgress(105, 150), False)
    assert pull.receive(layer("b", "Download complete")).is_unpacking
    # A layer that was there, and one that is larger than was said.
    assert pull.receive(layer("c", "Pull complete")) == PullProgress(150, 150)
    assert pull.receive(layer("d", "Downloading", 9, 8)) == PullProgress(158, 158)
    assert not PullProgress().is_unpacking


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Loaded image: debian:stable-slim\n", ("debian:stable-slim",)),
        ("Loaded image ID: sha256:12\n", ("sha256:12",)),
        ("Loaded image(s): localhost/a:1,b:2\n", ("localhost/a:1", "b:2")),
        ("Loaded image: a\nLoaded image: b\n", ("a", "b")),
        ("Loading layer", ()),
        ("", ()),
    ],
)
def test_names_that_are_loaded(text, names):
    assert loaded_names(text) == names
