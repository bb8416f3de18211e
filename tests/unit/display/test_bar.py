"""The status bar: its words in every state; nothing from outside becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from dexec_kernel.cells.outcome import State
from dexec_kernel.display.bar import bar_html, bar_text

#: Everything that could end a tag, a value, a line, or turn the reading direction.
HOSTILE = (
    "<script>alert(1)</script>&amp;\"'`\n\r\t\x00\x1b[31m\u2028\u2029\u202e\u2066\u200f\x85\ud800"
)


class Page(HTMLParser):
    """The parsed bar: its tags with their attributes, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


STATES = {
    "running": ({"state": State.RUNNING, "exit_code": None, "duration": 12.7}, "running · 12 s"),
    "running, no PID yet": (
        {"state": State.RUNNING, "exit_code": None, "pid": None, "duration": 0.01},
        "running · 0 s · PID … ·",
    ),
    "exit 0": ({}, "exit code 0 · 84 ms · PID 4711 · web · dexec-demo/busybox:1 · root@/"),
    "exit 3": ({"exit_code": 3}, "exit code 3 · 84 ms"),
    "out of memory": (
        {"exit_code": 137, "exit_reason": "SIGKILL, out of memory"},
        "exit code 137 (SIGKILL, out of memory) · 84 ms",
    ),
    "exited, code unknown": ({"exit_code": None}, "exit code unknown · 84 ms"),
    "interrupted": (
        {"state": State.INTERRUPTED, "exit_code": 130, "exit_reason": "SIGINT"},
        "interrupted, exit code 130 (SIGINT) · 84 ms",
    ),
    "killed": (
        {"state": State.INTERRUPTED, "exit_code": 137, "exit_reason": "SIGKILL"},
        "killed, exit code 137 (SIGKILL) · 84 ms",
    ),
    "interrupted, code unknown": (
        {"state": State.INTERRUPTED, "exit_code": None},
        "interrupted, exit code unknown · 84 ms",
    ),
    "stopped": ({"state": State.STOPPED, "exit_code": 0}, "stopped, exit code 0 · 84 ms"),
    "not started": (
        {"state": State.NOT_STARTED, "pid": None, "exit_code": 127},
        "not started, exit code 127 · 84 ms · PID none ·",
    ),
    "never created": (
        {"state": State.NOT_STARTED, "pid": None, "exit_code": None},
        "not started · 84 ms · PID none ·",
    ),
    "detached": (
        {"state": State.DETACHED, "exit_code": None, "exec_id": "0123456789abcdef"},
        "detached · 84 ms · PID 4711 · exec 0123456789ab · web ·",
    ),
    "lost": (
        {"state": State.LOST, "pid": None, "exit_code": None},
        "lost, exit code unknown · 84 ms · PID unknown ·",
    ),
}


@pytest.mark.parametrize(("changes", "beginning"), STATES.values(), ids=STATES)
def test_every_state_in_words(snapshot, changes, beginning):
    assert bar_text(snapshot(**changes)).startswith(beginning)


@pytest.mark.parametrize("changes", [changes for changes, _ in STATES.values()], ids=STATES)
def test_the_html_shows_the_text(snapshot, changes):
    html, text = bar_html(snapshot(**changes)), bar_text(snapshot(**changes))
    page = Page(html)
    tag, attributes = page.tags[0]
    assert (tag, attributes["role"]) == ("div", "group")
    assert attributes["class"] == "dexec-bar mathjax_ignore tex2jax_ignore"
    assert attributes["aria-label"] == text
    sign, _, rest = page.text.partition(" ")
    assert len(sign) == 1
    assert rest == text


def test_states_can_be_told_apart_without_colour(snapshot):
    signs = {
        Page(bar_html(snapshot(state=state, exit_code=code))).text[0]
        for state, code in [
            (State.RUNNING, None),
            (State.EXITED, 0),
            (State.EXITED, 1),
            (State.INTERRUPTED, 130),
            (State.LOST, None),
        ]
    }
    assert len(signs) == 5


@pytest.mark.parametrize("state", list(State))
def test_unknown_is_never_zero(snapshot, state):
    text = bar_text(snapshot(state=state, pid=None, exit_code=None, user=None, cwd=None, image=""))
    assert "exit code 0" not in text
    assert not re.search(r"PID \d", text)
    assert "unknown@unknown" in text
    assert " · unknown · " in text


@pytest.mark.parametrize(
    "field", ["container", "container_id", "image", "user", "cwd", "note", "exit_reason"]
)
@pytest.mark.parametrize("exit_code", [0, 3, None])
def test_nothing_from_outside_is_markup(snapshot, field, exit_code):
    plain = Page(bar_html(snapshot(exit_code=exit_code, note="x", exit_reason="x")))
    values = {"exit_code": exit_code, "note": "x", "exit_reason": "x", field: HOSTILE}
    html, text = bar_html(snapshot(**values)), bar_text(snapshot(**values))
    page = Page(html)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert [list(given) for _, given in page.tags] == [list(given) for _, given in plain.tags]
    assert "<script" not in html
    assert html.isprintable()
    assert text.isprintable()
    html.encode()


def test_one_line_that_gives_way(snapshot):
    html = bar_html(snapshot(image="registry/" + "x" * 500, note="y\nz" * 500))
    assert "\n" not in html
    for style in ("white-space:pre", "overflow:hidden", "text-overflow:ellipsis", "height:22px"):
        assert style in html


def test_what_is_cut_off_is_told_to_the_mouse(snapshot):
    image, cwd, note = "registry/" + "x" * 500, "/" + "y" * 500, "z" * 500
    page = Page(bar_html(snapshot(image=image, cwd=cwd, note=note)))
    titles = [given["title"] for _, given in page.tags if "title" in given]
    assert f"image {image}" in titles
    assert f"user root, folder {cwd}" in titles
    assert note in titles
    assert "container web, 0123456789ab" in titles


def test_short_parts_are_cut_after_the_long_ones_and_from_the_end(snapshot):
    page = Page(bar_html(snapshot(image="a" * 12, cwd="/" + "b" * 40)))
    styles = {given["title"]: given["style"] for _, given in page.tags if "title" in given}
    web, image = styles["container web, 0123456789ab"], styles["image " + "a" * 12]
    cwd = styles["user root, folder /" + "b" * 40]
    shrinks = [int(style.split()[1]) for style in (web, image, cwd)]
    assert sorted(shrinks) == shrinks
    assert all("ellipsis" in style for style in (web, image, cwd))
    # How long it took is never cut.
    assert "ellipsis" not in next(style for title, style in styles.items() if "elapsed" in title)


def test_size_and_note_only_where_they_tell_something(snapshot):
    assert bar_text(snapshot(output_bytes=1023)).endswith("root@/")
    assert bar_text(snapshot(output_bytes=1024)).endswith("root@/ · 1.0 KiB")
    assert bar_text(snapshot(note="no shell")).startswith("exit code 0 · 84 ms · no shell · PID")


def test_the_pid_in_the_container_while_the_cell_runs(snapshot):
    running = snapshot(state=State.RUNNING, exit_code=None, inner_pid=23)
    assert " · PID 4711 (23 in the container) · web" in bar_text(running)
    assert " · PID 4711 · web" in bar_text(snapshot(inner_pid=23))
    assert "in the container it is 23" in bar_html(snapshot(inner_pid=23))


def test_how_long_the_same_cell_took_last_time(snapshot):
    running = snapshot(state=State.RUNNING, exit_code=None, duration=4.2, expected=12.4)
    assert bar_text(running).startswith("running · 4 s (about 12 s last time) · PID")
    assert "last time" not in bar_text(snapshot(expected=12.4))


def test_one_click_selects_the_path_of_a_log(snapshot):
    html = bar_html(snapshot(log="/run/my logs/<1>.log"))
    assert 'log <span style="user-select:all">/run/my logs/&lt;1&gt;.log</span>' in html


def test_what_is_missing_and_where_it_is_come_first(snapshot):
    given = snapshot(log="/logs/1", log_url="/dexec/logs/<1>", note="2.0 MiB left out")
    assert " · 2.0 MiB left out · log /logs/1 · PID" in bar_text(given)
    html = bar_html(given)
    assert '<a href="/dexec/logs/&lt;1&gt;" target="_blank" rel="noopener"' in html
    assert "%log save" not in html
    assert "%log save" in bar_html(snapshot(log="/logs/1"))


def test_a_screen_reader_says_how_the_cell_ended(snapshot):
    assert 'role="status"' not in bar_html(snapshot())
    [status] = [
        attributes
        for _, attributes in Page(bar_html(snapshot(), is_news=True)).tags
        if attributes.get("role") == "status"
    ]
    assert status


def test_non_latin_names_stay(snapshot):
    assert "/srv/données/日本 🐚" in bar_text(snapshot(cwd="/srv/données/日本 🐚"))
