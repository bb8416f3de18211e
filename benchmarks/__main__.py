"""``python -m benchmarks``: measure everything, print a table, write it as Markdown and JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path

from benchmarks import cells, decoding
from benchmarks.measure import as_json, markdown
from devtools import api, containers, images
from devtools.engine import PrivateEngine


def main() -> None:
    """Measure against an engine of our own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30, help="samples of each (default: 30)")
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    options = parser.parse_args()
    rows = decoding.measure(count=options.count)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "DEXEC_"))}
    with PrivateEngine() as engine:
        version = api.call_json(engine.host, "GET", "/version")["Version"]
        images.ensure_image(engine.host, images.BUSYBOX)
        containers.run_container(engine.host, images.BUSYBOX, "bench")
        rows += cells.measure(engine.host, "bench", env, count=options.count)
    machine = (
        f"{os.cpu_count()} cores, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, Docker {version}"
    )
    table = markdown(rows)
    print(table, f"\nMeasured on: {machine}", sep="\n")
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "table.md").write_text(f"{table}\n\nMeasured on: {machine}\n")
    content = {"machine": machine, "rows": as_json(rows)}
    (options.output / "table.json").write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
