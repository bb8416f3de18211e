"""The mark on a card: a box with initials, in colours made from names. No I/O.

A service of Compose has its project's colour, and its own on the lid; another container has its own
colour, and its image's on the lid. So cards that belong together look it, and no two look alike.
"""

from __future__ import annotations

import colorsys
import hashlib
import re
import struct
import unicodedata
import zlib
from dataclasses import dataclass
from functools import lru_cache
from xml.sax.saxutils import escape

Colour = tuple[int, int, int]

_SIZE = 64
#: Letters, or digits, in a row.
_WORD = re.compile(r"[^\W\d_]+|\d+")
_WIDE = {"W", "F"}
#: From the contrast's formula of WCAG 2: what large white letters need.
_CONTRAST = 4.5

#: Letters of five by seven points, a row of each after the other; a row's points are the bits of a
#: digit to the base 32.
_GLYPHS = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        (
            *("EHHVHHH", "UHHUHHU", "EHGGGHE", "UHHHHHU", "VGGUGGV", "VGGUGGG", "EHGNHHE"),
            *("HHHVHHH", "E44444E", "72222IC", "HIKOKIH", "GGGGGGV", "HRLLHHH", "HPLJHHH"),
            *("EHHHHHE", "UHHUGGG", "EHHHLID", "UHHUKIH", "FGGE11U", "V444444", "HHHHHHE"),
            *("HHHHHA4", "HHHLLRH", "HHA4AHH", "HHA4444", "V1248GV", "EHJLPHE", "4C4444E"),
            *("EH1248V", "V1242HE", "26AIV22", "VGU11HE", "68GUHHE"),
            *("V124888", "EHHEHHE", "EHHF12C"),
        ),
        strict=True,
    )
)
_ROWS = 7
_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to three initials, and the colours of the box and of its lid."""

    initials: str
    box: Colour
    lid: Colour

    def files(self) -> dict[str, bytes]:
        """Return the logos of a kernelspec, by their names."""
        return {"logo-64x64.png": png(self), "logo-svg.svg": svg(self).encode()}


def mark_of(label: str, *, family: str, member: str) -> Mark:
    """Return the mark for a label; ``family`` gives the box its colour, ``member`` the lid its."""
    return Mark(initials(label), _dark(family), _light(member))


def initials(label: str) -> str:
    """Return up to three characters that stand for a label: ``BA`` for ``build-agent``.

    They are of the first and the last word, since ends tell names apart; a number counts whole
    (its last two digits): ``web-1`` is ``W1``.
    """
    words: list[str] = _WORD.findall(unicodedata.normalize("NFC", label))
    if not words:
        return "·"
    first, last = words[0], words[-1]
    if unicodedata.east_asian_width(first[0]) in _WIDE:
        return first[0]
    if len(words) == 1:
        return first[:2].upper()[:2]
    if last.isdecimal():
        return first[0].upper()[:1] + (last[-2:].lstrip("0") or "0")
    return first[0].upper()[:1] + last[0].upper()[:1]


def svg(mark: Mark) -> str:
    """Return the mark as a drawing."""
    size = 20 if len(mark.initials) > 2 else 27  # noqa: PLR2004 -- what fits into the box
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}" role="img"'
        f' aria-label="{_attribute(mark.initials)}">'
        f'<path fill="{_hex(mark.lid)}" d="M14 7h36a3 3 0 0 1 2.6 1.5L60 20H4l7.4-11.5A3 3 0 0 1'
        ' 14 7z"/>'
        f'<path fill="{_hex(mark.box)}" d="M4 20h56v33a5 5 0 0 1-5 5H9a5 5 0 0 1-5-5z"/>'
        f'<text x="32" y="{39 + size * 0.36:g}" text-anchor="middle" font-size="{size}"'
        ' font-family="system-ui,sans-serif" font-weight="700" fill="#fff">'
        f"{escape(mark.initials)}</text></svg>\n"
    )


@lru_cache(maxsize=256)
def png(mark: Mark) -> bytes:
    """Return the mark as 64 by 64 pixels; letters other than A to Z are left out."""
    text = mark.initials if all(char in _GLYPHS for char in mark.initials) else ""
    lit = _letters(text)
    rows = bytearray()
    for y in range(_SIZE):
        rows.append(0)  # no filter
        for x in range(_SIZE):
            if (x, y) in lit:
                rows += b"\xff\xff\xff\xff"
            elif _is_box(x, y):
                rows += bytes((*mark.box, 255))
            elif _is_lid(x, y):
                rows += bytes((*mark.lid, 255))
            else:
                rows += b"\0\0\0\0"
    head = struct.pack(">IIBBBBB", _SIZE, _SIZE, 8, 6, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _letters(text: str) -> set[tuple[int, int]]:
    """Return the pixels of the letters, in the middle of the box."""
    scale = 3 if len(text) > 2 else 4  # noqa: PLR2004 -- what fits into the box
    width = (len(text) * (_COLUMNS + 1) - 1) * scale
    left, top = (_SIZE - width) // 2, 39 - _ROWS * scale // 2
    return {
        (left + (number * (_COLUMNS + 1) + column) * scale + dx, top + row * scale + dy)
        for number, char in enumerate(text)
        for row, digit in enumerate(_GLYPHS[char])
        for column in range(_COLUMNS)
        if int(digit, 32) >> (_COLUMNS - 1 - column) & 1
        for dx in range(scale)
        for dy in range(scale)
    }


def _is_box(x: int, y: int) -> bool:
    return 4 <= x < 60 and 20 <= y < 58 and not (y == 57 and x in {4, 59})  # noqa: PLR2004


def _is_lid(x: int, y: int) -> bool:
    slope = (y - 7) * 8 // 13  # it is wider at the box
    return 7 <= y < 20 and 12 - slope <= x < 52 + slope  # noqa: PLR2004 -- the drawing's


def _dark(name: str) -> Colour:
    """Return a colour for a name that white letters can be read on."""
    hue, saturation = _tint(name)
    lightness = 0.42
    while _contrast_to_white(colour := _rgb(hue, lightness, saturation)) < _CONTRAST:
        lightness -= 0.02
    return colour


def _light(name: str) -> Colour:
    hue, saturation = _tint(name)
    return _rgb(hue, 0.62, saturation)


def _tint(name: str) -> tuple[float, float]:
    """Return a hue and a saturation for a name."""
    digest = hashlib.sha256(name.encode(errors="replace")).digest()
    return int.from_bytes(digest[:2]) / 65536, 0.4 + 0.4 * digest[2] / 255


def _rgb(hue: float, lightness: float, saturation: float) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _contrast_to_white(colour: Colour) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004
        for part in (value / 255 for value in colour)
    )
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})
