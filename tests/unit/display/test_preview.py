"""The preview of an HTML document: what its frame may do, its height, and its colours."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from dexec_kernel.display.preview import preview

EVIL = '<script>alert(1)</script><a href="x" onclick="y()">a</a></iframe>"\'&amp;'


class Frames(HTMLParser):
    """The frames of a display, and whatever else is in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.frames: list[dict[str, str]] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "iframe":
            self.frames.append({name: value or "" for name, value in attrs})


def height(document: str) -> int:
    found = re.search(r"height:(\d+)px", preview(document))
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("document", [EVIL, f"<!DOCTYPE html><body style='color:red'>{EVIL}"])
def test_a_document_may_do_nothing_and_stays_in_its_frame(document):
    page = Frames(preview(document))
    assert set(page.tags) <= {"div", "style", "iframe"}
    for frame in page.frames:
        assert frame["sandbox"] == ""
        assert frame["srcdoc"].endswith(EVIL)
        assert set(frame) == {"sandbox", "title", "style", "srcdoc"}


def test_a_document_without_colours_has_a_frame_for_each_theme():
    light, dark = Frames(preview(" <!DOCTYPE html>\n<p>x")).frames
    meta = '<meta name="color-scheme" content="{}">'
    assert light["srcdoc"] == f" <!DOCTYPE html>{meta.format('light')}\n<p>x"
    assert dark["srcdoc"] == f" <!DOCTYPE html>{meta.format('dark')}\n<p>x"
    assert dark["style"].endswith(";color-scheme:dark;display:none")
    assert "display" not in light["style"]
    assert Frames(preview("<p>x")).frames[0]["srcdoc"] == f"{meta.format('light')}<p>x"


@pytest.mark.parametrize(
    "document",
    [
        "<p style='color: red'>x",
        "<style>p { BACKGROUND: #eee }</style>",
        "<body bgcolor=white>",
        "<font color=red>",
        "<link rel=stylesheet href=a.css>",
        "<meta name=color-scheme content=dark>",
        "<p>" * 20_000 + "<p style='color: red'>",
        "<p>" * 100_000,
    ],
)
def test_a_document_with_colours_and_one_that_is_long_is_on_white(document):
    [frame] = Frames(preview(document)).frames
    assert frame["style"].endswith(";color-scheme:light;background:#fff")
    assert frame["srcdoc"] == document


def test_the_height_grows_with_the_content_within_bounds():
    assert height("") == height("<p>x</p>") == 60
    assert height("<head><title>x</title><script>\n\n</script><style>p{}</style></head>x") == 60
    assert 60 < height("<h1>Title</h1><p>x</p>") < height("<h1>Title</h1><p>x</p><p>y</p>") < 200
    assert height(f"<p>{'word ' * 100}</p>") > height("<p>x</p><p>y</p>")
    rows = "<tr><td>a<td>b</tr>"
    assert height(f"<table>{rows * 4}</table>") < height(f"<table>{rows * 8}</table>") < 300
    assert height("<pre>\n" + "line\n" * 9 + "</pre>") > 180
    assert height("a<br>" * 5) > 100
    assert height("<p>x</p>" * 1000) == 480
    # The rest of a long document is not read.
    assert height("<p></p>" * 5_000 + "<style>") == 480


@pytest.mark.parametrize(
    "document", ["<img src=x>", "<svg/>", "<style>p{height:9em}</style>", "<p style='float:left'>x"]
)
def test_what_cannot_be_estimated_has_the_most(document):
    assert height(document) == 480


@pytest.mark.parametrize("document", ["<", "<p", "<!", "<![CDATA[", "&#", "<style>", "</p></p>\0"])
def test_broken_documents(document):
    assert 60 <= height(document) <= 480
