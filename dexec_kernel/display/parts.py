"""The pieces that live bars are made of, in one size and look.

This module imports ipywidgets, which takes its time: import it when something goes live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import ipywidgets

from dexec_kernel.display.html import Html, element, joined, style_sheet
from dexec_kernel.display.line import HEIGHT
from dexec_kernel.display.text import one_line

# As high as the static bar, without the margins and the line heights that widgets have, which are
# no traits of their layout.
HEIGHT_PX = f"{HEIGHT}px"
_BUTTON_CLASS, _FIELD_CLASS, _BAR_CLASS = "dexec-button", "dexec-field", "dexec-live"
_SETTLED_CLASS = "dexec-settled"
_TEXT_CLASS, _NOW_CLASS, _AFTERWARDS_CLASS = "dexec-text", "dexec-now", "dexec-afterwards"
# ipywidgets marks what has lost its comm: everything, as soon as the kernel is to be restarted. It
# takes 4 s, or a slow kernel's time, until the next kernel tells of the bars, or never does.
_CUT_OFF = f".{_BAR_CLASS}.jupyter-widgets-disconnected:not(.{_SETTLED_CLASS})"
STYLE = style_sheet(
    f".{_BUTTON_CLASS}.jupyter-button{{line-height:{HEIGHT_PX}}}"
    f".{_FIELD_CLASS} :is(input,select){{height:{HEIGHT_PX}!important;line-height:20px;"
    "font-size:12px;border-radius:2px}"
    f".{_FIELD_CLASS} select{{padding-top:0;padding-bottom:0}}"
    f".{_FIELD_CLASS} .widget-label{{height:{HEIGHT_PX};line-height:{HEIGHT_PX};font-size:12px}}"
    f".{_BAR_CLASS} .widget-html-content{{width:100%}}"
    f"{_CUT_OFF}::before,{_CUT_OFF} .jupyter-widgets-disconnected::before{{content:none}}"
    f"{_CUT_OFF}>:not(.{_TEXT_CLASS}){{display:none}}"
    f"{_CUT_OFF} :has(>.{_AFTERWARDS_CLASS})>.{_NOW_CLASS}{{display:none}}"
    f"{_CUT_OFF} .{_AFTERWARDS_CLASS}{{display:block!important}}"
)
# Without a comm ipywidgets marks each widget with the image of a broken chain.
_SETTLED_STYLE = joined(
    STYLE,
    style_sheet(
        f".{_SETTLED_CLASS}.jupyter-widgets-disconnected::before,"
        f".{_SETTLED_CLASS} .jupyter-widgets-disconnected::before{{content:none}}"
    ),
)
_NOTHING = Html("")
#: The width below which a bar's text leaves its line to the controls.
_TEXT_WIDTH = "220px"
#: In seconds: a line's text and its Enter are two messages, and either may come first.
_TEXT_DELAY = 0.2
_DRAWN_AFTER = 0.15


def button(
    description: str, icon: str, tooltip: str, on_click: Callable[[], None]
) -> ipywidgets.Button:
    """Return a button as high as a bar."""
    made = ipywidgets.Button(
        description=description,
        icon=icon,
        tooltip=tooltip,
        layout=ipywidgets.Layout(
            width="auto", height=HEIGHT_PX, margin="0 0 0 6px", padding="0 8px", flex="0 0 auto"
        ),
        style=ipywidgets.ButtonStyle(font_size="12px"),
    )
    made.add_class(_BUTTON_CLASS)
    made.on_click(lambda _button: on_click())
    return made


def text(html: Html) -> ipywidgets.HTML:
    """Return the text of a bar, which takes what room there is, and a line of its own in need."""
    made = ipywidgets.HTML(
        value=joined(html, STYLE),
        layout=ipywidgets.Layout(
            flex=f"1 1 {_TEXT_WIDTH}",
            min_width="0",
            height=HEIGHT_PX,
            margin="0",
            overflow="hidden",
        ),
    )
    made.add_class(_TEXT_CLASS)
    return made


def show(widget: ipywidgets.HTML, html: Html, afterwards: Html = _NOTHING) -> None:
    """Replace the text of a bar; ``afterwards`` takes its place where the kernel is restarted."""
    pieces = [html]
    if afterwards:
        hidden = element("div", afterwards, class_=_AFTERWARDS_CLASS, style="display:none")
        pieces = [element("div", html, class_=_NOW_CLASS), hidden]
    widget.value = joined(*pieces, STYLE)


def row(children: tuple[ipywidgets.Widget, ...]) -> ipywidgets.HBox:
    """Return a line of widgets, in several lines where there is little room."""
    made = ipywidgets.HBox(
        children,
        layout=ipywidgets.Layout(
            align_items="center", flex_flow="row wrap", min_height=HEIGHT_PX, overflow="hidden"
        ),
    )
    made.add_class(_BAR_CLASS)
    return made


def when_drawn(widget: ipywidgets.DOMWidget, call: Callable[[], None]) -> None:
    """Call ``call`` when a front end has drawn the widget, each time that it says so."""

    def changed(change: dict[str, Any]) -> None:
        if change["new"]:
            call()

    widget._view_count = 0  # noqa: SLF001 -- documented: it makes front ends count their views
    widget.observe(changed, "_view_count")


def field(widget: ipywidgets.DOMWidget) -> None:
    """Make a field as high as a bar."""
    widget.add_class(_FIELD_CLASS)


def mimebundle(widget: ipywidgets.DOMWidget) -> dict[str, Any]:
    """Return what shows a widget."""
    shown = widget._repr_mimebundle_()
    return dict(shown[0] if isinstance(shown, tuple) else shown)


def close(*widgets: ipywidgets.DOMWidget | None) -> None:
    """Close every model of these widgets, in the kernel and in the browser."""
    for widget in widgets:
        if widget is None:
            continue
        for model in (widget.layout, getattr(widget, "style", None), widget):
            if model is not None:
                model.close()


def plain_models(
    box: ipywidgets.Box, text: ipywidgets.HTML, html: Html
) -> dict[str, dict[str, Any]]:
    """Return the states of the models of ``box``, by id, with nothing but ``text`` in it."""
    models = (box, box.layout, text, text.layout, text.style)
    states: dict[str, dict[str, Any]] = ipywidgets.Widget.get_manager_state(widgets=models)["state"]
    state = states[box.model_id]["state"]
    state["children"] = [f"IPY_MODEL_{text.model_id}"]
    state["_view_count"] = None  # Nobody hears how often it is seen.
    state["_dom_classes"] = [*state["_dom_classes"], _SETTLED_CLASS]
    states[text.model_id]["state"]["value"] = joined(html, _SETTLED_STYLE)
    return states


def settle(box: ipywidgets.Box, text: ipywidgets.HTML, html: Html) -> None:
    """Leave nothing but ``text`` in a box that a front end goes on showing.

    The kernel forgets the models, and the front end is not told to close them.
    """
    text.value = joined(html, _SETTLED_STYLE)
    box.add_class(_SETTLED_CLASS)
    box.children = (text,)
    for model in (box, box.layout, text, text.layout, text.style):
        if model.comm is not None:
            model.comm.publish_msg = _say_nothing
            model.close()


def _say_nothing(*_values: object, **_named: object) -> None:
    pass


class LineField:
    """A field for one line; ``on_line`` gets it when Enter is pressed. Made for secrets, or not.

    It serves once: the next line has a field of its own.
    """

    def __init__(self, on_line: Callable[[str], None], *, secret: bool) -> None:
        self._on_line = on_line
        self._timer: asyncio.TimerHandle | None = None
        self._is_submitted = False
        kind = ipywidgets.Password if secret else ipywidgets.Text
        self.secret = secret
        self.widget = kind(
            continuous_update=False,
            layout=ipywidgets.Layout(
                width="190px", height=HEIGHT_PX, margin="0 0 0 6px", flex="0 1 190px"
            ),
        )
        field(self.widget)
        # The widget's on_submit warns that it is deprecated, for the sake of a value that also
        # changes when the field is left: that would send half a line.
        self.widget.on_msg(self._message)
        self.widget.observe(self._changed, "value")

    def ask(self, prompt: str) -> None:
        """Say what is asked for; "" where that is not known."""
        prompt = one_line(prompt).strip()
        self.widget.placeholder = prompt or "line for stdin"
        self.widget.tooltip = f"Enter sends a line to this cell's stdin. {prompt}".strip()

    def focus(self) -> None:
        """Put the cursor there, as soon as the front end has drawn it."""
        self._timer = asyncio.get_running_loop().call_later(_DRAWN_AFTER, self._focus)

    def close(self) -> None:
        """Close the field's models."""
        self._stop()
        close(self.widget)

    def _focus(self) -> None:
        self._timer = None
        self.widget.focus()

    def _message(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content.get("event") == "submit" and not self._is_submitted:
            self._stop()
            self._is_submitted = True
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_TEXT_DELAY, self._send)

    def _changed(self, _change: object) -> None:
        if self._is_submitted:
            self._send()

    def _send(self) -> None:
        self._stop()
        self.widget.unobserve_all()
        self._on_line(self.widget.value)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
