"""The displays of ``%show`` and ``%cp``."""

from __future__ import annotations

import base64
import json

import pytest

from dexec_kernel.display.file import READ_LIMIT, TEXT_LIMIT, show_file
from dexec_kernel.display.markdown import harmless_markdown
from dexec_kernel.display.progress import progress_data, summary_data
from dexec_kernel.files.report import Report

PNG = b"\x89PNG\r\n\x1a\n\0\0"
EVIL = "<script>alert(1)</script>"


def show(name, data, size=None):
    content = data.encode() if isinstance(data, str) else data
    return show_file(name, content, len(content) if size is None else size)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\0", "image/jpeg"),
        (b"GIF89a\0", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_images_are_known_by_what_is_in_them(data, kind):
    shown = show("/a\n.txt", data)
    assert base64.b64decode(shown.data[kind]) == data
    assert kind in shown.data["text/plain"]
    assert shown.metadata == {kind: {"alt": r"/a\n.txt"}}


def test_svg_is_an_image_and_never_markup():
    for name, text in (("/a.svg", f"<svg>{EVIL}</svg>"), ("/a", '<?xml version="1.0"?>\n<svg/>')):
        html = show(name, text).data["text/html"]
        assert html.partition(">")[2].startswith("<img ")
        assert "<s" not in html
        assert base64.b64encode(text.encode()).decode() in html


def test_html_is_known_by_its_name_or_its_beginning():
    for name in ("/a.html", "/a"):
        shown = show(name, f'<!DOCTYPE html><p title="x">{EVIL}').data
        assert '<iframe sandbox="" ' in shown["text/html"]
        assert "<script" not in shown["text/html"]
        assert shown["text/plain"] == "text/html, 53 B"


def test_tables():
    shown = show("/a.csv", f'name,n\n"a,b",1\n{EVIL},2\nshort\n')
    html = shown.data["text/html"]
    assert html.count("<tr>") == 4
    assert html.count("<th ") == 2
    assert ">a,b</td>" in html
    assert "<script" not in html
    assert shown.note == ""
    assert ">b</td>" in show("/a.tsv", "x\ty\na\tb\n").data["text/html"]
    assert ">b</td>" in show("/a.csv", "x;y\na;b\n").data["text/html"]


def test_tables_are_bounded():
    text = "a," * 59 + "a\n" + "1,2\n" * 1000
    shown = show("/a.csv", text)
    assert shown.note == "the first 200 of 1,000 rows, the first 50 of 60 columns"
    assert shown.data["text/html"].count("<tr>") == 201
    assert show("/a.csv", text, 1 << 30).note.startswith("the first 200 of many rows")
    assert "text/html" not in show("/a.csv", "").data
    assert "text/html" not in show("/a.csv", '"' + "x" * 200_000 + '"').data


def test_json():
    assert show("/a.json", '{"a": ["ü"]}').data["application/json"] == {"a": ["ü"]}
    assert show("/a", ' [1, {"b": null}]').data["application/json"] == [1, {"b": None}]
    for text in ("{broken", "[NaN]", "[" * 100_000, "3", json.dumps(["x"] * 100_000)):
        assert set(show("/a.json", text).data) == {"text/plain"}


@pytest.mark.parametrize(
    "text",
    ['{"a": "\\ud800"}', '{"\\udc00": 1}', "[" * 101 + "]" * 101, "[" * 50_000 + "]" * 50_000],
)
def test_json_that_no_front_end_bears_is_text(text):
    shown = show("/a.json", text)
    assert shown.data == {"text/plain": text}


def test_json_may_be_a_hundred_deep():
    assert "application/json" in show("/a.json", "[" * 100 + "]" * 100).data


def test_markdown_keeps_its_looks_and_loses_its_teeth():
    text = (
        "# Title\n<img src=x onerror=alert(1)> [a](javascript:x) [b]( javascript:x) ![i](http://x)\n"
        "[c]: javascript:x\n[ok](https://example.org) $\\href{javascript:x}{y}$ &#106;avascript:"
    )
    shown = show("/a.md", text).data
    assert shown["text/plain"] == text
    harmless = harmless_markdown(text)
    assert f"\n\n{harmless}\n\n" in shown["text/markdown"]
    assert harmless.replace("\u200b", "") == text
    for part in ("<img", "](javascript", "]( ", "![", "]: java", "\\href", "&#"):
        assert part not in harmless
    assert "[ok](https://example.org)" in harmless
    plain = "*a* `b` | c |\n> 1 < 2 & 3\n"
    assert harmless_markdown(plain) == plain


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("a $5 to $9", ""),
        ("```sh\necho\n```\n~~~\nx\n~~~~", ""),
        ("```\ncode", "```"),
        ("~~~~ x\n```\n~~~", "~~~~"),
        ("```inline``` code", ""),
        ("````\n```\n``` x", "````"),
    ],
)
def test_nothing_in_markdown_is_mathematics_and_a_code_block_ends_with_it(text, end):
    shown = show("/a.md", text).data["text/markdown"]
    begin = '<div class="mathjax_ignore tex2jax_ignore">\n\n'
    assert shown == f"{begin}{text}" + (f"\n{end}" if end else "") + "\n\n</div>\n"


def test_text_is_bounded_and_has_no_commands_for_the_front_end():
    assert show("/a", "a\x1b[31m\tü\n\u202e").data == {"text/plain": "a\\x1b[31m\tü\n\\u202e"}
    shown = show("/log", "x" * (TEXT_LIMIT + 1024))
    assert shown.note == "the first 256.0 KiB of 257.0 KiB"
    assert len(shown.data["text/plain"]) == TEXT_LIMIT
    assert show("/a", "ü".encode()[:1] + b"x").data["text/plain"].startswith("00000000  c3 78")
    assert show("/a", b"abc\xc3", 10).data["text/plain"] == "abc"
    for name in ("/a", "/a.csv", "/a.html"):
        assert show(name, b"").data == {"text/plain": f"{name} is empty"}


def test_anything_else_is_dumped():
    shown = show("/a.csv", bytes(range(256)) * 4)
    lines = shown.data["text/plain"].splitlines()
    assert len(lines) == 32
    assert lines[4].startswith("00000040  40 41")
    assert lines[4].endswith("@ABCDEFGHIJKLMNO")
    assert shown.note == "binary, 1.0 KiB; the first 512 bytes"


@pytest.mark.parametrize("name", ["/a.png", "/a.svg", "/a.html"])
def test_what_is_too_large_says_so(name):
    shown = show(name, PNG if "png" in name else "<p>", READ_LIMIT + 1)
    assert list(shown.data) == ["text/plain"]
    assert "too large" in shown.data["text/plain"]


def test_progress():
    report = Report(files=1, size=512 * 1024, expected=1024 * 1024)
    data = progress_data(report, f"{EVIL}\n → :/a", seconds=2.0)
    assert "50% of 1.0 MiB · 256.0 KiB/s · 1 file so far" in data["text/plain"]
    assert 'value="0.500"' in data["text/html"]
    assert "<script" not in data["text/html"]
    report.expected = None
    assert "<progress style" in progress_data(report, "x", seconds=0.0)["text/html"]
    report.leave_out(EVIL, "a device")
    data = summary_data(report, "a → :/b", ending="not finished")
    assert data["text/plain"].startswith("a → :/b: not finished, 1 file, 512.0 KiB\n  1 left out:")
    assert "<script" not in data["text/html"]
