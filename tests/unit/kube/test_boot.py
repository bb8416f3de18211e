"""A command's environment and folder, set by a shell that reads its program from stdin."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import pytest

from dexec_kernel.backend.models import ConsoleSize, ExecConfig
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube.boot import boot, carried, carrier, is_script, needs_boot

SHELLS = {"bash": ["bash"], "dash": ["dash"], "busybox": ["busybox", "sh"]}
MARK = "dexec:mark:"
AWKWARD = "it's \"$HOME\" `x`\\\n.\n\n .\n..\n\té$'"


@pytest.fixture(params=SHELLS)
def shell(request):
    return request.param


def run(
    shell: str, config: ExecConfig, stdin: bytes = b"", **environ: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a pod would, with nothing but a PATH and ``environ``."""
    found = boot(config, MARK)
    return subprocess.run(
        [*SHELLS[shell], *found.command[1:]],
        input=found.program.encode() + stdin,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "n": "7", "IFS": "x", "TMOUT": "1", **environ},
        check=False,
        timeout=60,
    )


def script(text: str, *arguments: str, **options: object) -> ExecConfig:
    return ExecConfig(["sh", "-c", text, "name", *arguments], **options)  # type: ignore[arg-type] # a test's


def started(done: subprocess.CompletedProcess[bytes]) -> bool:
    return done.stderr.startswith(f"{MARK}start ".encode()) and done.stderr.endswith(MARK.encode())


def test_a_script_has_its_arguments_variables_and_folder(shell):
    config = script(
        'printf "%s|" "$0" "$#" "$1" "$2" "$A" "$PWD" "${OLDPWD-none}"; exit 3',
        *("x  y", AWKWARD),
        env={"A": AWKWARD},
        working_dir="/usr/bin",
    )
    done = run(shell, config)
    said = done.stdout.decode().split("|")
    assert said[:6] == ["name", "2", "x  y", AWKWARD, AWKWARD, "/usr/bin"]
    assert said[6] == "none"
    assert done.returncode == 3
    assert started(done)


def test_a_program_that_is_no_shell_replaces_it_with_its_variables(shell):
    config = ExecConfig(["env"], env={"A": AWKWARD}, in_root=True)
    done = run(shell, config)
    assert f"A={AWKWARD}\n" in done.stdout.decode()
    assert "__dexec" not in done.stdout.decode()


def test_no_name_of_ours_is_left_and_those_of_the_container_are(shell):
    done = run(shell, script('set | grep ^__dexec; echo "$n"; printf %s "$IFS" | od -An -c'))
    assert done.stdout.decode().split() == ["7", "\\t", "\\n"]


def test_options_of_bash_are_set_which_nobody_may_assign(shell):
    text = 'echo "-$-"; false; shopt -q extglob 2>/dev/null && echo extglob; echo over'
    cleared = script(text, env={"SHELLOPTS": "", "BASHOPTS": "", "A": "1"})
    done = run(shell, cleared, SHELLOPTS="errexit:nounset")
    options, *rest = done.stdout.decode().split()
    assert (set("eu") & set(options), rest) == (set(), ["over"])
    assert started(done)
    wanted = script(text, env={"SHELLOPTS": "nounset", "BASHOPTS": "extglob"})
    options, *rest = run(shell, wanted).stdout.decode().split()
    if shell == "bash":
        assert ("u" in options, rest) == (True, ["extglob", "over"])
    else:
        assert rest == ["over"]


def test_the_rest_of_stdin_is_the_commands(shell):
    config = script("exec 2>/dev/null; cat", env={"A": "1"}, attach_stdin=True)
    assert run(shell, config, b".\nbinary \0\xff\n").stdout == b".\nbinary \0\xff\n"


def test_a_command_without_a_script_has_its_stdin(shell):
    config = ExecConfig(["cat"], env={"A": "1"}, attach_stdin=True)
    assert run(shell, config, b".\nbinary \0\xff\n").stdout == b".\nbinary \0\xff\n"


def test_without_stdin_there_is_end_of_file(shell):
    assert run(shell, script("cat; echo over"), b"not for it").stdout == b"over\n"


def test_a_large_program_arrives_whole(shell):
    values = {f"V{number}": "x" * 70 + "\n" for number in range(500)}
    config = script('printf %s "$V0$V123$V499" | wc -c', env=values)
    assert run(shell, config).stdout.split() == [b"213"]


def test_a_folder_that_is_gone_and_a_command_that_is_missing_are_told(shell):
    done = run(shell, script("echo no", working_dir="/no/such"))
    assert (done.stdout, done.stderr.decode()) == (b"", f"{MARK}folder {MARK}")
    done = run(shell, ExecConfig(["no-such"], in_root=True))
    assert (done.stdout, done.stderr.decode()) == (b"", f"{MARK}command {MARK}")


def test_a_detached_script_has_no_streams(shell, tmp_path):
    config = script(f"cat; echo out; echo ran >{tmp_path}/ran", attach_stdin=True)
    found = boot(config, MARK, detached=True)
    done = subprocess.run(
        [*SHELLS[shell], *found.command[1:]],
        input=f"{found.program}not for it".encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == b""
    assert started(done)
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_an_error_in_a_script_counts_its_own_lines():
    done = run("bash", script("true\nno-such-command"))
    assert b"line 2: no-such-command" in done.stderr
    done = run("dash", script("true\nno-such-command"))
    assert b" 2: eval: no-such-command" in done.stderr


def test_a_program_that_is_cut_off_runs_nothing(shell):
    found = boot(script("echo ran"), MARK)
    for length in range(0, len(found.program) - 1, 7):
        done = subprocess.run(
            [*SHELLS[shell], *found.command[1:]],
            input=found.program[:length].encode(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (125, b"")


def test_no_argument_has_anything_of_the_program():
    secret = script("SECRET", "SECRET", env={"A": "SECRET"}, working_dir="/SECRET")
    assert "SECRET" not in str(boot(secret, MARK).command)
    assert "SECRET" not in str(carried(secret, MARK, 42).command)


def test_a_carrier_holds_a_program_open_for_a_terminal(shell):
    config = script(
        'printf "%s|" "$0" "$1" "$A" "$PWD"', "x", env={"A": AWKWARD}, working_dir="/usr"
    )
    holds = carrier(config, MARK, "word")
    holder = subprocess.Popen(
        [*SHELLS[shell], "-c", holds.cmd[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    word, pid = holder.stdout.readline().split()
    assert word == b"word"
    command = carried(config, MARK, int(pid)).command
    done = subprocess.run(
        [*SHELLS[shell], *command[1:]], capture_output=True, check=False, timeout=60
    )
    assert done.stdout.decode() == f"name|x|{AWKWARD}|/usr|"
    holder.communicate(timeout=60)


def test_a_terminal_has_its_size_before_the_command_begins(shell):
    config = script("stty size <&1", env={"A": "1"}, tty=True, console_size=ConsoleSize(33, 44))
    config = replace(config, attach_stdin=True)
    found = boot(config, MARK)
    ours, terminal = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(terminal, "wb") as slave:
        subprocess.run(
            [*SHELLS[shell], *found.command[1:]],
            input=found.program.encode(),
            stdout=slave,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin"},
            check=True,
            timeout=60,
        )
        assert screen.read(100) == b"33 44\r\n"


def test_an_image_without_stty_goes_on_without_a_word(shell):
    config = script(
        "echo on; exit 3", env={"PATH": "/no"}, tty=True, console_size=ConsoleSize(3, 4)
    )
    done = run(shell, config)
    assert (done.returncode, done.stdout) == (3, b"on\n")
    assert started(done)


@pytest.mark.parametrize("name", ["a.b", "1a", "a-b", "a b", "é"])
def test_a_variable_that_no_shell_can_set_is_refused(name):
    with pytest.raises(ConfigurationError):
        boot(ExecConfig(["x"], env={name: "1"}), MARK)


@pytest.mark.parametrize(
    ("config", "needs"),
    [
        (ExecConfig(["ls", "-l"]), False),
        (ExecConfig(["python3", "-c", "x"]), False),
        (ExecConfig(["/opt/zsh", "-c", "x"]), True),
        (ExecConfig(["ls"], env={"A": "1"}), True),
        (ExecConfig(["ls"], working_dir="/"), True),
        (ExecConfig(["ls"], in_root=True), True),
    ],
)
def test_only_what_exec_lacks_needs_a_shell(config, needs):
    assert needs_boot(config) is needs
    assert is_script(["sh", "x"]) is False
    assert is_script(["bash", "-pc", "x", "name"])
