"""The mark of a kernelspec: its initials, its colours, a drawing and pixels."""

from __future__ import annotations

import struct
import zlib
from xml.etree import ElementTree as ET

import pytest

from dexec_kernel.picker.mark import _GLYPHS, Mark, initials, mark_of, png, svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        *(("web", "WE"), ("a", "A"), ("build-agent", "BA"), ("a-b-c", "AC"), ("x_y.z", "XZ")),
        *(("lab3", "L3"), ("agent-01", "A1"), ("agent-2024", "A24"), ("n-00", "N0"), ("7", "7")),
        *(("shop/db", "SD"), ("Lab 3: networking", "LN"), ("データ", "デ"), ("straße-ß", "SS")),
        *(("", "·"), ("***", "·"), ("<&>\"'", "·"), ("<b>x", "BX"), ("e\u0301a", "ÉA")),
    ],
)
def test_initials(label, expected):
    assert initials(label) == expected


def test_a_mark_is_the_same_every_time_and_another_for_another_name():
    marks = [mark_of("w", family=f"c{number}", member="img") for number in range(20)]
    assert len({mark.box for mark in marks}) == len(marks)
    assert {mark.lid for mark in marks} == {marks[0].lid}
    assert marks[0] == mark_of("w", family="c0", member="img")
    assert mark_of("\udcff", family="\udcff", member="\udcff")


@pytest.mark.parametrize("text", ["BA", "B12", "<&", '">', "デ", "·", "]]>", "'\""])
def test_the_drawing_is_xml_whatever_the_initials(text):
    root = ET.fromstring(svg(Mark(text, (0, 80, 90), (1, 2, 3))))
    assert root.tag == f"{SVG}svg"
    assert root.get("aria-label") == text
    [shown] = root.iter(f"{SVG}text")
    assert shown.text == text
    assert {element.tag for element in root} == {f"{SVG}path", f"{SVG}text"}


def pixels(data: bytes) -> list[list[tuple[int, ...]]]:
    """Read a PNG of ours."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body = 8, b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            kind + content
        )
        body += content if kind == b"IDAT" else b""
        at += 12 + length
    raw = zlib.decompress(body)
    rows = [raw[y * 257 + 1 : (y + 1) * 257] for y in range(64)]
    return [[tuple(row[x * 4 : x * 4 + 4]) for x in range(64)] for row in rows]


@pytest.mark.parametrize("text", ["BA", "B12", "A", "デ", "·"])
def test_the_pixels(text):
    mark = Mark(text, (0, 80, 90), (1, 2, 3))
    image = pixels(png(mark))
    assert image[0][0] == (0, 0, 0, 0)
    assert image[12][32] == (1, 2, 3, 255)
    assert image[56][32] == (0, 80, 90, 255)
    letters = sum(pixel == (255, 255, 255, 255) for row in image for pixel in row)
    assert (letters > 0) == all(char in _GLYPHS for char in text)


def test_every_glyph_has_seven_rows_and_is_like_no_other():
    assert {len(glyph) for glyph in _GLYPHS.values()} == {7}
    assert len(set(_GLYPHS.values())) == len(_GLYPHS) == 36


def test_white_letters_can_be_read_on_every_colour():
    for number in range(200):
        red, green, blue = (
            (value / 255) ** 2.2 for value in mark_of("x", family=str(number), member="").box
        )
        assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) > 4.3
