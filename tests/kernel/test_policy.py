"""An administrator's policy: each way round it, as a user of a kernel would try it."""

from __future__ import annotations

import json

import pytest

from devtools import containers
from tests.kernel.widgets import WIDGET, Widgets

#: The kernel in which the policy is in a file that the tests may write. It stands for the file in
#: /etc, which belongs to the machine.
PROGRAM = """
from pathlib import Path
from dexec_kernel.policy import file
file.PATH = Path({path!r})
file.why_changeable = lambda path: ""
from dexec_kernel.jupyter.app import main
main()
"""
POLICY = """
engines = [{host!r}]
[containers]
exclude = ["shared-debian"]
restart = false
[exec]
users = ["nobody"]
privileged = false
[files]
local = false
[limits]
timeout = 600
output = 1000
"""


@pytest.fixture(scope="module")
def program(host, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    path.write_text(POLICY.format(host=host))
    return PROGRAM.format(path=str(path))


@pytest.fixture(scope="module", autouse=True)
def _containers(run_module_container, debian):
    run_module_container(name="policy-lab", labels={"dexec.user": "nobody"})
    run_module_container(name="policy-root", labels={"dexec.user": "root"})
    run_module_container(name="policy-plain")


@pytest.fixture(scope="module")
def lab(start_module_kernel, program, _containers):
    """A kernel within the policy, in a container whose cells run as nobody."""
    return start_module_kernel(
        program=program, DEXEC_CONTAINER="policy-lab", DEXEC_COMPLETION_TIMEOUT="60"
    )


def refusal(kernel, code: str, setting: str) -> str:
    """Run a cell that is refused; nothing of it has run."""
    result = kernel.run(code)
    assert result.reply.get("ename") == "PolicyRefused", (code, result.reply)
    assert setting in result.reply["evalue"], code
    assert "policy.toml" in result.reply["evalue"]
    assert result.text() == ""
    return result.reply["evalue"]


OTHER = "shared-debian"
WAYS = {
    f"%container {OTHER}": "containers.exclude",
    f"%%exec -c {OTHER}\necho no": "containers.exclude",
    f"%%exec -d -c {OTHER} -- true": "containers.exclude",
    f"%%sh -c {OTHER} --\necho no": "containers.exclude",
    f"%attach {OTHER}": "containers.exclude",
    f"%show {OTHER}:/etc/passwd": "containers.exclude",
    f"%%writefile {OTHER}:/tmp/x\nno": "containers.exclude",
    f"%cp {OTHER}:/etc/passwd /tmp/": "files.local",
    "%cp :/etc/passwd /tmp/": "files.local",
    "%cp /etc/passwd :/tmp/": "files.local",
    "%show :/etc/shadow": "exec.users",
    "%%writefile :/etc/passwd\nroot::0:0::/:/bin/sh": "exec.users",
    "%%exec -u root\nid": "exec.users",
    "%%exec -u 0\nid": "exec.users",
    "%%exec -u nobody:0\nid": "exec.users",
    "%%exec -u :0\nid": "exec.users",
    "%%exec -u root -- id": "exec.users",
    "%%exec -u root -t\nid": "exec.users",
    "%%exec -c policy-plain\nid": "exec.users",
    "%%exec -c policy-root\nid": "exec.users",
    "%%exec --privileged\nid": "exec.privileged",
    "%%exec --timeout off\necho no": "limits.timeout",
    "%%exec --timeout 601\necho no": "limits.timeout",
    "%%exec -d -- true": "limits.timeout",
    "%timeout off": "limits.timeout",
    "%timeout 1e9": "limits.timeout",
}


def test_each_way_of_magics_and_options_meets_a_refusal(lab, host):
    for code, setting in WAYS.items():
        refusal(lab, code, setting)
    other = containers.inspect(host, OTHER)["Id"]
    refusal(lab, f"%%exec -c {other[:12]}\necho no", "containers.exclude")
    assert lab.run("id -un").text() == "nobody\n"
    assert OTHER not in json.dumps([m["content"] for m in lab.run("%containers").messages])
    assert len(lab.run("yes | head -c 5000").text()) < 3000


def test_completion_neither_lists_nor_reaches_what_is_not_allowed(lab):
    matches = lab.reply(lab.client.complete("%container "))["matches"]
    assert "policy-lab" in matches
    assert OTHER not in matches


def test_no_message_of_a_widget_goes_round_it(lab, host):
    widgets = Widgets(lab)
    shown = lab.run("%status", allow_stdin=True, at=widgets.take)
    assert any(WIDGET in data.get("data", {}) for data in shown.of("display_data"))
    before = containers.inspect(host, "policy-lab")["State"]["StartedAt"]
    assert OTHER not in widgets.only("DropdownModel")["_options_labels"]
    widgets.click("Restart container")
    widgets.click("Restart policy-lab")
    widgets.until(lambda: "may not be restarted" in widgets.html())
    assert containers.inspect(host, "policy-lab")["State"]["StartedAt"] == before
    widgets.choose("policy-root")
    widgets.until(lambda: widgets.chosen() == "policy-root")
    refusal(lab, "id", "exec.users")
    # A front end may also make the list longer.
    [(key, state)] = widgets.of("DropdownModel").items()
    labels = [*state["_options_labels"], OTHER]
    widgets.update(key, {"_options_labels": labels, "index": len(labels) - 1})
    result = lab.run("%container")
    assert "Cells run in policy-root" in result.of("display_data")[0]["data"]["text/plain"]


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"DOCKER_HOST": "tcp://127.0.0.1:1"}, "engines"),
        ({"DEXEC_HISTORY_FILE": "/tmp/dexec-policy-history"}, "files.local"),
    ],
)
def test_no_variable_goes_round_it(start_kernel, program, settings, setting):
    engine = settings.pop("DOCKER_HOST", "")
    kernel = start_kernel(
        program=program, engine=engine, **{"DEXEC_CONTAINER": "policy-lab", **settings}
    )
    refusal(kernel, "echo no", setting)
    refusal(kernel, "%status", setting)


def test_a_variable_names_no_program_that_is_told_of_cells(start_kernel, program, tmp_path):
    told, given = tmp_path / "told", {"DEXEC_CONTAINER": "policy-lab", "DEXEC_NOTIFY": "0.001"}
    kernel = start_kernel(program=program, DEXEC_NOTIFY_COMMAND=f"touch {told}", **given)
    # Each cell has been told of by the time that the second one after it has ended.
    for _ in range(5):
        assert kernel.run("true").reply["status"] == "ok"
    assert not told.exists()


def test_a_configuration_file_and_the_kernel_s_arguments_do_not_either(
    start_kernel, program, tmp_path
):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"DexecKernel": {"output_limit": 0, "container": "policy-lab"}}))
    kernel = start_kernel(program=program, arguments=(f"--config={config}",))
    refusal(kernel, "echo no", "limits.output")
    kernel = start_kernel(program=program, arguments=(f"--container={OTHER}",))
    refusal(kernel, "echo no", "containers.exclude")


def test_a_kernel_stays_in_its_container_and_a_broken_policy_runs_nothing(
    start_kernel, tmp_path, debian
):
    path = tmp_path / "policy.toml"
    path.write_text("[containers]\nswitching = false\n")
    program = PROGRAM.format(path=str(path))
    kernel = start_kernel(program=program, DEXEC_CONTAINER="policy-plain")
    refusal(kernel, f"%container {debian}", "containers.switching")
    refusal(kernel, f"%%exec -c {debian}\necho no", "containers.switching")
    assert kernel.run("%container policy-plain\necho yes").text() == "yes\n"
    path.write_text("[containers]\nswiching = false\n")
    kernel = start_kernel(program=program, DEXEC_CONTAINER="policy-plain")
    for code in ("echo no", "%status", "%timeout off", "%magics"):
        result = kernel.run(code)
        assert result.reply["ename"] == "PolicyUnusable"
        assert "did you mean containers.switching?" in result.reply["evalue"]
        assert result.text() == ""
