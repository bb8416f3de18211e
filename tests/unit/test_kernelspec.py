"""The kernelspec in the wheel: its name in the picker, and its logos."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

FOLDER = Path(__file__).parents[2] / "kernelspec"


def test_kernel_json():
    spec = json.loads((FOLDER / "kernel.json").read_text())
    # JupyterLab sorts by it, and shows no blank: the kernel without a container comes first.
    assert spec["display_name"] == " Container (dexec)"
    assert spec["display_name"] < min("!0Aa")
    assert (spec["language"], spec["interrupt_mode"]) == ("bash", "message")
    assert "{connection_file}" in spec["argv"]


@pytest.mark.parametrize("size", [32, 64])
def test_png_logos(size):
    head = (FOLDER / f"logo-{size}x{size}.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:]) == (size, size)


def test_svg_logo():
    root = ET.parse(FOLDER / "logo-svg.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox") == "0 0 64 64"
