"""A long cell tells a command of the user's, and no secret of the cell."""

from __future__ import annotations

import re

from tests.waiting import until


def test_a_long_cell_runs_the_command_and_a_short_one_does_not(start_kernel, busybox, tmp_path):
    told, script = tmp_path / "told", tmp_path / "tell it"
    script.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>{told}\n')
    script.chmod(0o755)
    command = f"'{script}' $(id) 'a b'"
    given = {"DEXEC_CONTAINER": busybox, "DEXEC_NOTIFY_COMMAND": command}
    assert start_kernel(DEXEC_NOTIFY="100000", **given).run("true").reply["status"] == "ok"
    kernel = start_kernel(DEXEC_NOTIFY="0.5", **given)
    assert kernel.run("%%exec -e SECRET=hunter2\nsleep 1; exit 3").reply["status"] == "error"
    until(lambda: told.exists() and told.read_text().endswith("s|"))
    first = rf"\$\(id\)\|a b\|{busybox}: exit code 3 after [\d.]+ s\|"
    assert re.fullmatch(first, told.read_text())
