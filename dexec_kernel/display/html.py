"""The only place where HTML is made. Text becomes text there, whatever it says.

Front ends take more for commands than tags: JupyterLab, Notebook and exported HTML typeset text
between dollars and the like, which can make links too, unless an element around it says no. Control
characters and bidirectional overrides act on the text beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from dexec_kernel.display.text import one_line, some_lines

#: The classes of text that is no mathematics, for MathJax 3 and 2.
NO_MATH = "mathjax_ignore tex2jax_ignore"
HTML_TYPE = "text/html"

_VOID = frozenset({"img"})
_doctype = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)


class Html(str):
    """Text that is HTML already. This module makes it, and nothing else does."""

    __slots__ = ()


def element(tag: str, *content: str, **attributes: str) -> Html:
    """Return an element. ``content`` that is no :class:`Html` is text, and so are all attributes.

    The underscores in the attributes' names are hyphens, one at the end is left out: ``class_``,
    ``aria_label``.
    """
    given = {
        name.rstrip("_").replace("_", "-"): one_line(text) for name, text in attributes.items()
    }
    return _made(tag, given, content)


def display(tag: str, *content: str, class_: str = "", **attributes: str) -> Html:
    """Return the outermost element of a display, in which nothing is mathematics."""
    classes = f"{class_} {NO_MATH}".strip()
    return element(tag, *content, class_=classes, **attributes)


def frame(document: str, *, style: str, title: str, scheme: str = "") -> Html:
    """Return a frame with a document that is not trusted: it has no scripts and no origin.

    ``scheme`` is ``light`` or ``dark`` for a document that leaves its colours to the browser.
    """
    if scheme:
        # A doctype has to come first.
        end = found.end() if (found := _doctype.match(document)) else 0
        meta = f'<meta name="color-scheme" content="{scheme}">'
        document = f"{document[:end]}{meta}{document[end:]}"
    attributes = {"sandbox": "", "title": one_line(title), "style": style, "srcdoc": document}
    return _made("iframe", attributes, ())


def style_sheet(css: str) -> Html:
    """Return a style sheet of ours; no text from outside may be in it."""
    return Html(f"<style>{css}</style>")


def joined(*pieces: Html) -> Html:
    """Return pieces one after the other."""
    return Html("".join(pieces))


def bundle(html: Html, plain: str) -> dict[str, str]:
    """Return the mime bundle of a display. Front ends without HTML show ``plain``."""
    return {"text/plain": some_lines(plain), HTML_TYPE: html}


def math_free_markdown(markdown: str) -> str:
    """Return Markdown in an element in which nothing is mathematics."""
    return f'<div class="{NO_MATH}">\n\n{markdown}\n\n</div>\n'


def _made(tag: str, attributes: Mapping[str, str], content: tuple[str, ...]) -> Html:
    head = "".join(f' {name}="{escape(text)}"' for name, text in attributes.items())
    if tag in _VOID:
        return Html(f"<{tag}{head}>")
    inner = "".join(
        piece if isinstance(piece, Html) else escape(some_lines(piece)) for piece in content
    )
    return Html(f"<{tag}{head}>{inner}</{tag}>")
