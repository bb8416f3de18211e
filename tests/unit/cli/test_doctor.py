"""The doctor without an engine: the installation, the socket, and how findings are shown."""

from __future__ import annotations

import json
import re
import shlex
import socket
import sys
from pathlib import Path

import pytest

from dexec_kernel.cli import checks as patient
from dexec_kernel.cli import checks_installation as installation
from dexec_kernel.cli import checks_server, findings
from dexec_kernel.cli.command import FAILED, run
from dexec_kernel.cli.findings import Finding, Verdict
from dexec_kernel.picker.kernelspecs import FoundSpec
from dexec_kernel.picker.server import Server
from dexec_kernel.policy import file as policy_file

CHECKS = [
    *("python", "packages", "kernelspec", "policy", "settings", "server", "endpoint", "connection"),
    *("api", "picker", "container", "state", "cell", "stdin", "user"),
]


@pytest.fixture(autouse=True)
def server(monkeypatch):
    """A server, whether or not this environment has one."""
    found = Server(("JupyterLab 4.6",), is_loaded=True)
    monkeypatch.setattr(checks_server, "find_server", lambda _environ: found)


def examined(capsys) -> dict[str, dict[str, str]]:
    """Run the doctor, which finds something broken; return its findings by their names."""
    assert run(["doctor", "--json"]) == FAILED
    found = json.loads(capsys.readouterr().out)
    assert [finding["check"] for finding in found] == CHECKS
    assert all(set(finding) == {"check", "status", "message", "fix"} for finding in found)
    return {finding["check"]: finding for finding in found}


def test_what_rests_on_a_broken_thing_is_not_checked(capsys):
    found = examined(capsys)
    assert [found[name]["status"] for name in CHECKS] == [
        *["ok"] * 7,
        "failed",
        *["not checked"] * 7,
    ]
    assert "no such file" in found["connection"]["message"]
    assert "systemctl" in found["connection"]["fix"]


def test_an_address_that_cannot_be_read(capsys, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "gopher://x")
    found = examined(capsys)
    assert found["endpoint"]["status"] == "failed"
    assert "gopher://x" in found["endpoint"]["message"]
    assert found["connection"]["status"] == "not checked"


def test_the_policy_is_shown_and_one_that_is_broken_lets_nothing_run(capsys, monkeypatch, tmp_path):
    path = tmp_path / "policy.toml"
    monkeypatch.setattr(policy_file, "PATH", path)
    monkeypatch.setattr(policy_file, "why_changeable", lambda _path: "")
    assert examined(capsys)["policy"]["message"] == f"none ({path} does not exist)"
    path.write_text("[containers]\nswitching = false\n")
    assert examined(capsys)["policy"]["message"] == f"{path}\ncontainers.switching = false"
    path.write_text('engines = ["unix:///other.sock"]')
    assert "may not be used" in examined(capsys)["endpoint"]["message"]
    assert run(["list"]) == FAILED
    assert "PolicyRefused" not in (said := capsys.readouterr().err)
    assert "engines in" in said
    path.write_text("[containers]\nswiching = false\n")
    found = examined(capsys)
    assert (found["policy"]["status"], found["endpoint"]["status"]) == ("failed", "failed")
    assert "did you mean containers.switching?" in found["policy"]["message"]


def test_a_left_over_socket(tmp_path, capsys, monkeypatch):
    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    assert "nothing listens" in examined(capsys)["connection"]["message"]


@pytest.mark.usefixtures("jumping_run")
def test_an_engine_that_says_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("dexec_kernel.cli.doctor.PATIENCE", 0.3)
    monkeypatch.setattr("dexec_kernel.engine.calls.READ_TIMEOUT", 1.0)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tmp_path}/none.sock")
        server.listen()
        found = examined(capsys)
    assert found["connection"]["message"] == "no answer within 0.3 s"


def test_a_socket_that_is_denied(capsys, monkeypatch):
    monkeypatch.setattr(patient, "probe", lambda _endpoint: "permission denied")
    found = examined(capsys)
    assert found["connection"]["message"].endswith("none.sock: permission denied")
    assert found["connection"]["fix"].startswith('sudo usermod -aG docker "$USER"')


def test_a_well_known_socket_that_is_denied(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("DOCKER_HOST")

    def denied(endpoint):
        return "permission denied" if endpoint.path == "/var/run/docker.sock" else "no such file"

    monkeypatch.setattr(patient, "probe", denied)
    monkeypatch.setattr("dexec_kernel.engine.endpoint.probe", denied)
    found = examined(capsys)
    assert "/var/run/docker.sock: permission denied" in found["endpoint"]["message"]
    assert "usermod" in found["endpoint"]["fix"] or "root alone" in found["endpoint"]["fix"]


def test_requirements_for_extras_are_none_of_ours():
    lines = ["ipykernel>=7.4", "h11 >=0.14", 'mypy>=1; extra == "dev"', "odd"]
    assert installation.requirements(lines) == [("ipykernel", "7.4"), ("h11", "0.14")]


@pytest.mark.parametrize(
    ("older", "newer"), [("7.4", "7.10.1"), ("7.4.0rc1", "7.4.1"), ("", "0"), ("9", "10.0.dev1")]
)
def test_versions_compare_by_their_numbers(older, newer):
    assert installation.version_key(older) < installation.version_key(newer)


def test_packages_that_are_missing_or_too_old(monkeypatch):
    wanted = ["rich>=9999.1", "no-such-package>=2"]
    monkeypatch.setattr(installation.metadata, "requires", lambda _name: wanted)
    found = installation.check_packages()
    assert found.status is Verdict.FAILED
    assert "9999.1 or newer is needed" in found.message
    assert "no-such-package is missing" in found.message
    python = shlex.quote(sys.executable)
    assert found.fix == f"{python} -m pip install 'rich>=9999.1' 'no-such-package>=2'"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (None, "does not find"),
        (FoundSpec("dexec", Path("/x"), ("python", "-m", "other"), ""), "another kernel"),
    ],
)
def test_a_kernelspec_that_is_missing_or_not_ours(spec, words, monkeypatch):
    monkeypatch.setattr(installation, "find_spec", lambda _name: spec)
    found = installation.check_kernelspec()
    assert found.status is Verdict.FAILED
    assert words in found.message
    assert found.fix


def test_a_bound_kernelspec_whose_python_is_gone(monkeypatch):
    argv = ("/gone/bin/python", "-m", "dexec_kernel")
    dead = FoundSpec("dexec-web", Path("/x"), argv, "web")
    monkeypatch.setattr(installation, "bound_specs", lambda: [dead])
    found = installation.check_kernelspec()
    assert found.status is Verdict.WARNING
    assert "dexec-web cannot start" in found.message
    assert found.fix == "dexec-kernel install --container web --name dexec-web"


def test_the_last_line_counts():
    def finding(status: Verdict) -> Finding:
        return Finding("x", status, "")

    ok, bad, odd, skipped = map(
        finding, (Verdict.OK, Verdict.FAILED, Verdict.WARNING, Verdict.SKIPPED)
    )
    assert findings.summary([ok, ok]) == "Everything works."
    assert findings.summary([ok, odd, skipped]) == "1 warning"
    assert findings.summary([odd, odd, bad, skipped]) == "1 broken, 2 warnings, 1 not checked"


def test_a_finding_into_a_pipe(capsys):
    findings.show(Finding("cell", Verdict.FAILED, "one\ntwo\x1b", "do this\nand that"))
    assert capsys.readouterr().out.splitlines() == [
        "✗ cell        one",
        "              two\\x1b",
        "              → do this",
        "              → and that",
    ]


def test_a_finding_on_a_terminal_wraps_in_its_column_and_its_fix_does_not(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    fix = "docker " + "x" * 60
    findings.show(Finding("cell", Verdict.FAILED, "[red]word[/red] " * 4, fix))
    *lines, last = capsys.readouterr().out.splitlines()
    assert last.endswith(fix)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]  # bold is no colour
    assert lines[0].startswith("✗ cell        [red]word[/red]")
    assert len(lines) > 1
    assert all(line.startswith(" " * 14) for line in lines[1:])
