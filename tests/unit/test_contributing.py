"""The map in CONTRIBUTING.md: every package has a line, and every line has a package."""

from __future__ import annotations

import re

from devtools.session import ROOT


def packages_of_the_map(text: str) -> list[str]:
    """Return the folders of the map, such as ``dexec_kernel/cells/input``, in its order."""
    block = re.search(r"## The map.*?```\n(.*?)```", text, re.DOTALL)
    assert block
    above: list[tuple[int, str]] = []
    found = []
    for indent, name in re.findall(r"^( *)([\w./-]+)/\s", block[1], re.MULTILINE):
        above = [folder for folder in above if folder[0] < len(indent)]
        path = "/".join([*(folder for _, folder in above), name])
        above.append((len(indent), name))
        found.append(path)
    return [path for path in found if path.startswith("dexec_kernel")]


def test_the_map_is_read_by_its_indentation():
    text = (
        "## The map\n```\nd/\n  e/  x\n".replace("d/", "dexec_kernel/")
        + "    f/  y\n  g/  z\nh/  w\n```"
    )
    assert packages_of_the_map(text) == [
        "dexec_kernel",
        "dexec_kernel/e",
        "dexec_kernel/e/f",
        "dexec_kernel/g",
    ]


def test_the_map_names_every_package_once_and_no_other():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    packages = [
        path.parent.relative_to(ROOT).as_posix()
        for path in (ROOT / "dexec_kernel").rglob("__init__.py")
    ]
    assert sorted(packages_of_the_map(text)) == sorted(packages)
