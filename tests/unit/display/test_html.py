"""All HTML that the kernel sends: text in it is shown as it is, whoever makes the display.

The makers of HTML are found in the code, so that a new one cannot be forgotten here.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.display import (
    check as check_display,
)
from dexec_kernel.display import (
    containers,
    file,
    html,
    lab,
    line,
    markdown,
    preview,
    progress,
    table,
)
from dexec_kernel.display.bar import bar_html
from dexec_kernel.display.containers import Choice
from dexec_kernel.display.kernel_bar import KernelState, kernel_bar_html
from dexec_kernel.display.line import BLUE, Look, Part
from dexec_kernel.display.text import one_line
from dexec_kernel.files.report import Report
from dexec_kernel.jupyter import lab_status
from dexec_kernel.lab.checks.desk import Checked
from dexec_kernel.lab.progress import Standing, TaskProgress
from dexec_kernel.lab.result import Broken
from dexec_kernel.lab.room import ContainerView, LabView
from dexec_kernel.lab.spec import Container, Task
from tests.unit.display.test_bar import Page
from tests.unit.test_arrows import files, module_name

#: Marks of MathJax, of front ends that take them out of Markdown, of HTML, of terminals, and
#: characters that turn the reading direction or cannot be seen.
MARKS = [
    *("$a$", "$$a$$", "\\(a\\)", "\\[a\\]", "\\begin{align}a\\end{align}", "\\$5 \\ref{a}"),
    *("$\\href{javascript:alert(1)}{a}$", "$5 to $9", "@@0@@", "\\unicode{65}", "<!-- $ -->"),
    *("<b>a</b>", "&lt;&#36;&amp;", "'\"`", "</div></pre></style></iframe>$a$"),
    *("\x1b[31mred\x1b[0m", "\x1b]8;;http://a\x07b\x1b]8;;\x07", "\x00\x08\x0b\x0c\x7f\x9b"),
    *("\u202eevil\u202c", "\u2066a\u2069", "\u200e\u200f\u061c", "\u200b\ufeff\u00ad"),
    *("\u2028\u2029\x85", "\ud800", "\U000e0041"),
]
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
#: A tag in a text of ours. What is no element of HTML is a word for a place, as in ``<name>``.
_TAG = re.compile(
    r"</?(?:a|b|br|code|details|div|em|h[1-6]|hr|i|iframe|img|li|link|meta|ol|p|pre|progress|script"
    r"|span|strong|style|svg|table|t[dhr]|tbody|thead|ul)(?: [a-z-]+=|\s*/?>)"
)


def running(text: str) -> list[ContainerSummary]:
    return [ContainerSummary("1", text, text, "running", text, {})]


def report(text: str) -> Report:
    made = Report()
    made.leave_out(text, "a device")
    return made


def task(text: str) -> TaskProgress:
    return TaskProgress(Task(text, text), Standing.OPEN, waits_for=(text,), attempts=1)


def html_of(data: dict[str, Any]) -> str:
    return str(data["text/html"])


#: The makers, as MODULE.FUNCTION, with what they make of a text.
MAKERS: dict[str, Callable[[str], str]] = {
    "display.line.line_html": lambda text: line.line_html(
        Look("x", BLUE, text), [Part(text, text, shrink=1), Part(f"log {text}", text, is_path=True)]
    ),
    "display.table.table_data": lambda text: html_of(table.table_data([text], [[text]], text)),
    "display.table.line_data": lambda text: html_of(table.line_data([text, text])),
    "display.table.text_data": lambda text: html_of(table.text_data(text)),
    "display.containers.chosen_data": lambda text: html_of(containers.chosen_data(text)),
    "display.containers.choice_data": lambda text: html_of(
        containers.choice_data(
            running(text),
            chosen=SimpleNamespace(  # type: ignore[arg-type]
                id="1", name=text, image=text, note=text, running=False, why_not_running=text
            ),
            setting=text,
        )
    ),
    "display.progress.progress_data": lambda text: html_of(
        progress.progress_data(Report(expected=9), text, seconds=1.0)
    ),
    "display.progress.summary_data": lambda text: html_of(
        progress.summary_data(report(text), text, ending="")
    ),
    "display.check.running_data": lambda text: html_of(check_display.running_data(task(text).task)),
    "display.check.check_data": lambda text: html_of(
        check_display.check_data(
            Checked(task(text), Broken(message=text, reason=text, notes=(text,)), has_hint=True)
        )
    ),
    "display.lab.lab_data": lambda text: html_of(
        lab.lab_data(
            LabView(text, (ContainerView(Container(text, text), text, text),), (task(text),))
        )
    ),
    "jupyter.lab_status._plain": lab_status._plain,
    "display.file._table": lambda text: html_of(
        file._table('"' + text.replace('"', '""') + '"', ",", whole=True).data
    ),
}
#: Makers without a text from outside, those that :data:`MAKERS` go through, and those that only
#: pass on a display of these.
OTHERS = {
    *("display.line", "display.line._item", "display.line._words"),
    "display.lab.lab_html",
    "display.lab_panel.LabPanel._pressed",
    *("jupyter.lab_status.LabStatus._data", "jupyter.lab_status._Report.html"),
    "display.containers.closed_data",
    "display.chooser.ChoiceRow.__init__",
    "display.bar.bar_data",
    "display.afterwards.orphan_data",
    "display.cell.CellDisplay._send_live",
    "jupyter.status.KernelStatus._last_data",
    *("display.parts", "display.parts.text", "display.parts.show"),
    *("display.parts.plain_models", "display.parts.settle"),
}
#: Those that show a whole document of somebody else, with tests of their own.
DOCUMENTS = {
    *("display.file._svg", "display.file._html", "display.preview", "display.preview.preview"),
    "display.markdown.shown_markdown",
}
_MAKING = {
    name
    for name, value in vars(html).items()
    if inspect.isfunction(value) and getattr(value, "__module__", "") == html.__name__
} - {"_made"}


def makers() -> set[str]:
    """Return the functions, or modules, that use one of :mod:`dexec_kernel.display.html`."""
    found = set()

    def look(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = name
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{name}.{child.name}"
            elif isinstance(child, ast.Name) and child.id in _MAKING:
                found.add(name)
            look(child, inner)

    for path in files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if html.__name__ in {getattr(node, "module", "") for node in ast.walk(tree)}:
            look(tree, module_name(path))
    return found


def test_every_maker_of_html_is_tested_here():
    assert makers() == {*MAKERS, *OTHERS, *DOCUMENTS}


@pytest.mark.parametrize("text", MARKS, ids=ascii)
@pytest.mark.parametrize("maker", MAKERS)
def test_text_is_shown_as_it_is(maker, text):
    check(MAKERS[maker], text)


@pytest.mark.parametrize("text", MARKS, ids=ascii)
def test_bars_show_text_as_it_is(text, snapshot):
    given = dict.fromkeys(
        ("container", "container_id", "image", "user", "cwd", "exit_reason", "log"), text
    )
    check(lambda shown: bar_html(snapshot(**dict.fromkeys(given, shown), note=shown)), text)
    check(
        lambda shown: kernel_bar_html(
            KernelState(Choice((), shown, "1", trouble=shown), folder=shown, notice=shown)
        ),
        text,
    )


def check(make: Callable[[str], str], text: str) -> None:
    made = make(text)
    page = Page(made)
    assert _ACTING.search(made) is None
    assert shape(page) == shape(Page(make("x")))
    [_, root] = page.tags[0]
    assert {"mathjax_ignore", "tex2jax_ignore"} <= set(root["class"].split())
    assert one_line(text) in page.text


def shape(page: Page) -> list[tuple[str, set[str]]]:
    return [(tag, set(attributes)) for tag, attributes in page.tags]


def test_html_is_made_in_one_module():
    """No other has a tag in its text, escapes any, or names the type of HTML."""
    wrong = []
    for path in files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Constant(value=str(text)) if id(node) not in docstrings:
                    bad = bool(_TAG.search(text)) or text in {"text/html", "text/latex"}
                case ast.ImportFrom(module="html"):
                    bad = True
                case ast.Import(names=names):
                    bad = any(alias.name == "html" for alias in names)
                case _:
                    bad = False
            if bad:
                wrong.append(f"{module_name(path)}:{node.lineno}")
    # A card's mark is an SVG file for the launcher, of ours but for two letters.
    allowed = {"display.html", "picker.mark"}
    assert {place for place in wrong if place.partition(":")[0] not in allowed} == set()


def test_widgets_show_html_only_where_no_front_end_typesets_it():
    """HTML takes what this package made; HTMLMath, Label and descriptions would typeset it."""
    for path in files():
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"ipywidgets\.(HTMLMath|Label)|description_allow_html", source), path
        if "ipywidgets.HTML(" in source:
            assert module_name(path) == "display.parts"


def test_elements():
    made = html.element("p", "a<b", html.element("i", "&"), aria_label='"\n', class_="c")
    assert made == '<p aria-label="&quot;\\n" class="c">a&lt;b<i>&amp;</i></p>'
    assert html.element("img", "x", src="a") == '<img src="a">'
    assert html.bundle(made, "a\x1b\nb") == {"text/plain": "a\\x1b\nb", "text/html": made}


def test_documents_are_in_what_is_no_mathematics():
    for made in (
        file.show_file("a.svg", b"<svg/>", 6).data["text/html"],
        preview.preview("<p>$a$"),
        markdown.shown_markdown("$a$"),
    ):
        assert re.match(r'<div class="[a-z-]*\s?mathjax_ignore tex2jax_ignore">', made)
