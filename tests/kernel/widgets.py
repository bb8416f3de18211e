"""What a front end knows of a kernel's widgets, from the messages that it got, and its clicks."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

from tests.kernel.conftest import RECORD, Kernel
from tests.waiting import GUARD

WIDGET = "application/vnd.jupyter.widget-view+json"


class Widgets:
    """The models that are open, by id, each with its state."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.states: dict[str, dict[str, Any]] = {}
        self.messages: list[dict[str, Any]] = []
        self._taken: set[str] = set()
        # A bar may end while another cell's messages are waited for.
        kernel.hearers.append(self.take)

    def take(self, message: dict[str, Any]) -> None:
        """Take in a message of iopub, once."""
        if message["header"]["msg_id"] in self._taken:
            return
        self._taken.add(message["header"]["msg_id"])
        self.messages.append(message)
        content = message["content"]
        match message["msg_type"]:
            case "comm_open":
                self.states[content["comm_id"]] = dict(content["data"].get("state", {}))
            case "comm_msg" if content["data"].get("method") == "update":
                # A kernel that tests share may still show the panel of an earlier one.
                if content["comm_id"] in self.states:
                    self.states[content["comm_id"]].update(content["data"]["state"])
            case "comm_close":
                self.states.pop(content["comm_id"], None)

    def until(self, condition: Callable[[], object], timeout: float = GUARD) -> None:
        """Take in messages until a condition holds."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, self.states
            try:
                self._kernel.hear(timeout=0.2)
            except queue.Empty:
                continue

    def of(self, model: str) -> dict[str, dict[str, Any]]:
        """The models of a kind, such as ``ButtonModel``."""
        return {
            key: state for key, state in self.states.items() if state.get("_model_name") == model
        }

    def only(self, model: str) -> dict[str, Any]:
        """The state of the one model of a kind."""
        [state] = self.of(model).values()
        return state

    def chosen(self) -> str:
        """What the list shows as chosen; "" while there are two, as one takes the other's place."""
        states = [*self.of("DropdownModel").values()]
        return states[0]["_options_labels"][states[0]["index"]] if len(states) == 1 else ""

    def buttons(self, begin: str) -> list[str]:
        """The ids of the buttons whose text begins so."""
        found = self.of("ButtonModel").items()
        return [key for key, state in found if state.get("description", "").startswith(begin)]

    def record(self) -> dict[str, Any]:
        """The record of the last cell, as it is now."""
        bundles = [message["content"].get("data", {}) for message in self.messages]
        return [data[RECORD] for data in bundles if RECORD in data][-1]

    def html(self) -> str:
        """All text that is shown."""
        return "\n".join(state.get("value", "") for state in self.of("HTMLModel").values())

    def draw(self) -> None:
        """Tell that the bar of the running cell is seen, as a front end does that shows widgets."""
        self.until(self._bars)
        [key] = self._bars()
        self.update(key, {"_view_count": 1})

    def _bars(self) -> list[str]:
        return [key for key, state in self.of("HBoxModel").items() if state["_view_count"] == 0]

    def click(self, begin: str) -> None:
        """Press a button, as soon as it is there."""
        self.until(lambda: self.buttons(begin))
        [key] = self.buttons(begin)
        self.send(key, {"method": "custom", "content": {"event": "click"}})

    def choose(self, begin: str) -> None:
        """Choose what begins so from the list."""
        [(key, state)] = self.of("DropdownModel").items()
        labels = state["_options_labels"]
        [index] = [i for i, label in enumerate(labels) if label.startswith(begin)]
        self.update(key, {"index": index})

    def type_line(self, line: str) -> None:
        """Type into the field for a line, and press Enter."""
        [(key, _)] = [*self.of("TextModel").items(), *self.of("PasswordModel").items()]
        self.send(key, {"method": "custom", "content": {"event": "submit"}})
        self.update(key, {"value": line})

    def update(self, key: str, state: dict[str, Any]) -> None:
        """Set what a user has changed."""
        self.send(key, {"method": "update", "state": state, "buffer_paths": []})

    def send(self, key: str, data: dict[str, Any]) -> None:
        """Send a message to a widget."""
        client = self._kernel.client
        content = {"comm_id": key, "data": data}
        client.shell_channel.send(client.session.msg("comm_msg", content))

    def comms(self) -> set[str]:
        """The models that the kernel says it has."""
        client = self._kernel.client
        return set(self._kernel.reply(client.comm_info())["comms"])
