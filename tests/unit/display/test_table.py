from __future__ import annotations

from dexec_kernel.display.table import line_data, table_data, text_data


def test_columns_stand_below_each_other():
    data = table_data(("", "name"), [("→", "web"), ("", "a long name")])
    assert data["text/plain"] == "   name\n→  web\n   a long name"


def test_a_table_may_be_empty():
    assert table_data(("PID",), [])["text/plain"] == "PID"


def test_what_comes_from_outside_is_escaped_and_breaks_no_line():
    data = table_data(("<th>",), [("<script>\n\u202e&",)])
    assert data["text/plain"] == "<th>\n<script>\\n\\u202e&"
    assert "&lt;th&gt;" in data["text/html"]
    assert "&lt;script&gt;\\n\\u202e&amp;" in data["text/html"]
    assert "<script>" not in data["text/html"]


def test_a_line():
    data = line_data(["a<b", "c\nd"])
    assert data["text/plain"] == "a<b · c\\nd"
    assert "a&lt;b · c\\nd</div>" in data["text/html"]


def test_text_between_dollars_is_no_mathematics():
    """JupyterLab and nbconvert would typeset it, as in the command lines of ``%ps``."""
    for data in (table_data(["CMD"], [["echo $A $B"]]), line_data(["$A", "$B"])):
        assert data["text/html"].startswith('<div class="mathjax_ignore tex2jax_ignore" ')


def test_a_note_is_the_last_line():
    data = table_data(["CMD"], [["sleep"]], "and <2> more")
    assert data["text/plain"] == "CMD\nsleep\nand <2> more"
    assert data["text/html"].endswith(">and &lt;2&gt; more</div></div>")


def test_text_keeps_its_lines():
    data = text_data("a <b>\n\tc\x1b")
    assert data["text/plain"] == "a <b>\n\tc\\x1b"
    assert data["text/html"].endswith(">a &lt;b&gt;\n\tc\\x1b</pre>")
