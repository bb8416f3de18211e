"""Labs for tests of kernels: their folders, and what an engine has of them."""

from __future__ import annotations

import json
from pathlib import Path

from devtools import api, images

#: A lab with one container, whose student is root.
LAB = """
title = "A lab"
[container]
image = "{image}"
mem_limit = "128m"
pids_limit = 128
{container}
[lab]
{general}
[tasks.one]
title = "A task"
files = ["/tmp/one"]
"""


def make_lab(
    parent: Path,
    name: str = "mylab",
    *,
    image: str = images.BUSYBOX,
    container: str = "",
    general: str = "",
    setup: str = "",
) -> Path:
    """Write a lab without its checks; return its folder."""
    folder = parent / name
    folder.mkdir()
    text = LAB.format(image=image, container=container, general=general)
    (folder / "lab.toml").write_text(text)
    if setup:
        (folder / "setup.sh").write_text(setup)
    return folder


def containers_of(host: str, lab: str = "mylab", *, checkers: bool = False) -> dict[str, str]:
    """Return the states of a lab's containers by their ids, if asked those of checks too."""
    labels = [f"dexec.lab={lab}", *(() if checkers else ("dexec.lab.cells",))]
    query = {"all": "1", "filters": json.dumps({"label": labels})}
    found = api.call_json(host, "GET", "/containers/json", query=query)
    return {item["Id"]: item["State"] for item in found}
