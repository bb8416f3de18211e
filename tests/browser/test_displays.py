"""Displays in a browser: text that front ends take for mathematics, and previews of HTML."""

from __future__ import annotations

import nbformat
from playwright.sync_api import expect

from devtools.lab_page import Lab

FOLDER = r"/srv/$\href{example}{click}$ \(b\)"
ROW = r"$5 to $9,\(a\) $$b$$,$\href{https://example.com/}{click here}$"
SOURCES = [
    f"mkdir -p '{FOLDER}'; cd '{FOLDER}'",
    "pwd; X='$5 to $9'; export X",
    f"cd /tmp; printf '%s\\n' 'a,b,c' '{ROW}' >x.csv; echo '{ROW}' >x.md; echo '<h1>$a$' >x.html",
    "%show :/tmp/x.csv",
    "%show :/tmp/x.md",
    "%env",
    "%cp :/tmp/x.csv '/tmp/$a$'",
    "%ps",
    "%status",
    "%show :/tmp/x.html",
]


def notebook() -> list[str | nbformat.NotebookNode]:
    control = nbformat.v4.new_markdown_cell("Mathematics is typeset here: $x^2$")  # type: ignore[no-untyped-call]
    return [*SOURCES, control]


def test_text_is_no_mathematics_and_previews_follow_the_theme(lab: Lab):
    lab.server.write("displays.ipynb", notebook())
    lab.open("displays.ipynb")
    control = lab.page.locator(".jp-MarkdownCell mjx-container")
    expect(control).to_have_count(1)
    for number in range(len(SOURCES)):
        lab.cell(number).start()
        lab.cell(number).wait_replied()
    lab.save()
    frames = lab.cell(9).root.locator("iframe")
    for theme, shown in (("JupyterLab Dark", 1), ("JupyterLab Light", 0)):
        lab.use_theme(theme)
        expect(frames.nth(shown)).to_be_visible()
        expect(frames.nth(1 - shown)).to_be_hidden()
        lab.screenshot(f"displays-{theme.split()[1].lower()}")
    for path in ("lab/tree/displays.ipynb?reset", "notebooks/displays.ipynb"):
        lab.page.goto(f"{lab.server.url}/{path}")
        # What is above it was typeset before, if it was at all.
        expect(control).to_have_count(1)
        expect(lab.page.locator(".jp-CodeCell mjx-container, .jp-CodeCell .MathJax")).to_have_count(
            0
        )
        assert FOLDER in lab.cell(1).bar_text()
        expect(lab.cell(1).bar).to_contain_text(FOLDER)
        for text in ROW.split(","):
            expect(lab.cell(3).root.get_by_role("cell", name=text, exact=True)).to_be_visible()
        expect(lab.cell(4).root.locator(".jp-RenderedMarkdown")).to_contain_text("$5 to $9")
        expect(lab.cell(5).root.get_by_role("cell", name="$5 to $9", exact=True)).to_be_visible()
        assert lab.cell(3).root.locator("a[href*=example]").count() == 0
        lab.screenshot(f"displays-{path[:3]}")
