"""The command line: its output, its exit codes, and names that attack the terminal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dexec_kernel import __version__
from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.cli import listing
from dexec_kernel.cli.command import FAILED, INTERRUPTED, OK, run
from dexec_kernel.cli.terminal import aligned, printable
from tests.unit.support.local_shells import GUARD

#: As the installed script, it does not look for modules in the current folder.
COMMAND = [sys.executable, "-P", "-c", "from dexec_kernel.cli import main; main()"]
SWARM = {
    "com.docker.swarm.service.name": "web",
    "com.docker.swarm.task.name": "web.1.abc",
}
COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "db"}


@pytest.fixture
def on_terminal(monkeypatch, capsys):
    """Return a function that runs a command on a terminal of 100 columns and returns its output."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def show(*arguments: str) -> str:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        assert run(arguments) == OK
        return capsys.readouterr().out

    return show


@pytest.fixture
def deaf(tmp_path, monkeypatch):
    """An engine that takes calls and answers none."""
    path = f"{tmp_path}/deaf.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        server.settimeout(GUARD)
        yield server


def container(name: str = "web", state: str = "running", **labels: str) -> ContainerSummary:
    return ContainerSummary(
        id=name * 9, name=name, image="img:1", state=state, status="Up", labels=labels
    )


@pytest.fixture
def engine_has(monkeypatch):
    """Let the engine have these containers."""

    def put(*containers: ContainerSummary) -> None:
        async def answer() -> tuple[list[ContainerSummary], str, str]:
            return list(containers), "docker", ""

        monkeypatch.setattr(listing, "_containers", answer)

    return put


def test_the_version_comes_at_once_and_imports_nothing_heavy():
    script = (
        "import sys\nfrom dexec_kernel.cli.command import run\n"
        "try: run(['--version'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('asyncio', 'requests', 'rich', 'traitlets', 'jupyter_client')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [f"dexec-kernel {__version__}", "[]"]


def test_without_a_command_the_help_is_printed(capsys):
    assert run([]) == OK
    out = capsys.readouterr().out
    assert "install" in out
    assert "doctor" in out


@pytest.mark.parametrize("command", ["install", "list", "doctor"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        run([command, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["install"],
        ["install", "--container", "a", "--user", "--sys-prefix"],
        ["sync", "--label", "=data", "--dry-run"],
        ["install", "--cont", "a"],
        ["list", "extra"],
    ],
)
def test_wrong_usage_is_told_by_argparse(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_an_error_is_its_message_and_advice_on_stderr(capsys):
    assert run(["list"]) == FAILED
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("dexec-kernel: The engine at unix:///")
    assert "DOCKER_HOST" in err
    assert "Traceback" not in err


def test_a_malformed_address_is_an_error_of_every_command_but_doctor(capsys, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "gopher://x")
    assert run(["list"]) == FAILED
    assert run(["install", "--container", "a"]) == FAILED
    assert capsys.readouterr().err.count("gopher://") >= 2


def test_ctrl_c_ends_it_at_once_although_the_engine_says_nothing(deaf):
    with subprocess.Popen([*COMMAND, "list"], stderr=subprocess.PIPE, text=True) as process:
        # A first connection may be a look whether there is an engine, which asks nothing.
        while not (connection := deaf.accept()[0]).recv(1):
            connection.close()
        with connection:
            process.send_signal(signal.SIGINT)
            assert process.wait(GUARD) == INTERRUPTED
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.usefixtures("jumping_run")
def test_an_engine_that_says_nothing_is_given_up(deaf, monkeypatch, capsys):
    monkeypatch.setattr("dexec_kernel.cli.engine.PATIENCE", 0.3)
    monkeypatch.setattr("dexec_kernel.engine.calls.READ_TIMEOUT", 1.0)
    assert run(["list"]) == FAILED
    assert "did not answer within 0.3 s (listing the containers)" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_traceback():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, "doctor", "--json"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert done.returncode == FAILED
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        ('"$@" doctor --json >/dev/full', FAILED, "No space left on device"),
        ('"$@" doctor >&-', FAILED, ""),
        ('"$@" list >&- 2>&-', FAILED, ""),
        (
            'mkdir g && cd g && rmdir ../g && "$@" install --container x --no-check --prefix y',
            FAILED,
            "the current folder is gone",
        ),
    ],
)
def test_what_the_machine_refuses_is_no_traceback(command, status, words, tmp_path):
    done = subprocess.run(
        ["/bin/sh", "-c", command, "sh", *COMMAND],
        cwd=tmp_path,
        env=os.environ | {"DOCKER_HOST": "unix:///nonexistent.sock"},
        capture_output=True,
        text=True,
        check=False,
        timeout=GUARD,
    )
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stdout_that_knows_no_ticks():
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([*COMMAND, "doctor"], capture_output=True, env=env, check=False)
    assert done.returncode == FAILED
    assert b"\\u2713 python" in done.stdout
    assert b"Traceback" not in done.stderr


def test_control_characters_are_shown_and_not_sent():
    text = "a\x1b[31mb\rc\x7f\u202ed\udc80é"
    assert printable(f"{text}\n") == r"a\x1b[31mb\rc\x7f\u202ed\udc80é" + "\n"


def test_columns_are_aligned_and_keep_to_their_line():
    assert aligned([["A", "B"], ["long", "x\ny"], ["c", ""]]) == "A     B\nlong  x\\ny\nc"


def test_the_compose_column_is_there_when_something_is_in_it():
    assert listing.rows_of([container()]) == [
        ["CONTAINER", "IMAGE", "STATUS"],
        ["web", "img:1", "Up"],
    ]
    titles, first, second = listing.rows_of([container(), container("db", **COMPOSE)])
    assert titles[-1] == "ALSO CALLED"
    assert (first[-1], second[-1]) == ("", "compose:shop/db")
    assert listing.rows_of([container("web.1.abc", **SWARM)])[1][-1] == "swarm:web.1"


def test_list_into_a_pipe_is_the_table_alone(engine_has, capsys):
    engine_has(container("a" * 60), container("db", **COMPOSE), container("off", "exited"))
    assert run(["list"]) == OK
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[0] for line in out.splitlines()] == ["CONTAINER", "a" * 60, "db"]
    assert run(["list", "--all"]) == OK
    assert "off" in capsys.readouterr().out


def test_list_as_json(engine_has, capsys):
    engine_has(container("db", **COMPOSE), container("off", "exited"))
    assert run(["list", "--json"]) == OK
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "db",
            "id": "db" * 9,
            "image": "img:1",
            "state": "running",
            "status": "Up",
            "usable": True,
            "compose": "compose:shop/db",
            "swarm": None,
            "kube": None,
        }
    ]
    assert run(["list", "--json", "--all"]) == OK
    assert [item["usable"] for item in json.loads(capsys.readouterr().out)] == [True, False]


def test_markup_in_a_label_stays_what_it_is(engine_has, on_terminal):
    evil = {**COMPOSE, "com.docker.compose.service": "[red]x[/red]\x1b]0;gotcha\x07"}
    engine_has(container("web"), container("db", **evil))
    shown = on_terminal("list")
    assert r"compose:shop/[red]x[/red]\x1b]0;gotcha\x07" in shown
    assert "\x1b]" not in shown
    assert "%container web" in shown


def test_a_long_name_is_folded_and_not_cut(engine_has, on_terminal):
    engine_has(container("n" * 150))
    shown = on_terminal("list")
    assert shown.count("n" * 20) >= 3
    assert "…" not in shown


def test_with_one_container_nothing_need_be_chosen(engine_has, on_terminal):
    engine_has(container("web"))
    shown = on_terminal("list")
    assert "only running container" in shown
    assert "%container" not in shown


@pytest.mark.parametrize(
    ("there", "command"),
    [
        ([], "docker run -d --name work IMAGE sleep infinity"),
        ([container("off", "exited")], "docker start off"),
        ([container("ice", "paused")], "docker unpause ice"),
    ],
)
def test_with_none_it_says_how_to_start_one(there, command, engine_has, capsys):
    engine_has(*there)
    assert run(["list"]) == OK
    out, err = capsys.readouterr()
    assert out == ""
    assert command in err
    assert run(["list", "--json"]) == OK
    assert json.loads(capsys.readouterr().out) == []


def test_install_warns_when_the_engine_is_down(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share/jupyter"))
    assert run(["install", "--container", "web", "--prefix", str(tmp_path)]) == OK
    out, err = capsys.readouterr()
    assert "'web (container)' is in the launcher now" in out
    assert f"DOCKER_HOST=unix://{tmp_path}/none.sock" in out
    assert err.startswith("warning: it is not known whether the container exists")


def test_install_as_json(tmp_path, capsys):
    arguments = ["install", "--container", "web", "--prefix", str(tmp_path), "--no-check", "--json"]
    assert run(arguments) == OK
    out, err = capsys.readouterr()
    assert err == ""
    told = json.loads(out)
    assert told["path"] == str(tmp_path / "share/jupyter/kernels/dexec-web")
    assert Path(told["path"], "kernel.json").is_file()
    assert told["env"] == {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    assert [warning[:21] for warning in told["warnings"]] == ["Jupyter does not look"]


def test_install_says_that_another_comes_first(tmp_path, capsys, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    paths = f"{first}/share/jupyter:{second}/share/jupyter"
    monkeypatch.setenv("JUPYTER_PATH", paths)
    arguments = ["install", "--container", "web", "--no-check", "--prefix"]
    assert run([*arguments, str(first)]) == OK
    assert capsys.readouterr().err == ""
    assert run([*arguments, str(second)]) == OK
    out, err = capsys.readouterr()
    assert "before this one" in err
    assert "was written" in out


@pytest.mark.parametrize("name", ["", " "])
def test_install_needs_a_name(name, capsys):
    assert run(["install", "--container", name]) == FAILED
    assert "needs the name" in capsys.readouterr().err
