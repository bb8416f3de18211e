"""Cells feel like one session, whatever the shell, the user and the file system."""

from __future__ import annotations

import pytest

from devtools import containers, images


@pytest.fixture(scope="module", params=["busybox", "bash", "student", "readonly"])
def place(request, run_module_container):
    """A container for each kind of session."""
    image = images.DEBIAN if request.param == "bash" else images.BUSYBOX
    options = {"student": {"user": "student"}, "readonly": {"readonly": True}}
    return run_module_container(image, **options.get(request.param, {}))


@pytest.fixture
def kernel(pool, place):
    """A kernel in such a container."""
    with pool.kernel(DEXEC_CONTAINER=place) as kernel:
        yield kernel


def test_folder_environment_and_variables_carry_over(kernel):
    kernel.run("cd /proc; export A='two\nlines'; b=\"it's\"; umask 027; alias hey='echo hey there'")
    result = kernel.run('pwd; echo "$A|$b"; umask; hey; sh -c \'echo "$A"\'')
    assert result.text() == "/proc\ntwo\nlines|it's\n0027\nhey there\ntwo\nlines\n"
    assert result.text("stderr") == ""
    assert result.record["cwd"] == "/proc"


@pytest.mark.parametrize("ending", ["false", "exit 3", "set -e; false"])
def test_after_a_failing_cell(kernel, ending):
    assert kernel.run(f"x=1\n{ending}").reply["status"] == "error"
    assert kernel.run("echo $x").text() == "1\n"


def test_after_an_interrupt(kernel):
    kernel.run("cd /proc; x=1; echo on; sleep 60000; x=2", at=kernel.interrupt_at("on"))
    assert kernel.run("pwd; echo $x").text() == "/proc\n1\n"


def test_a_cell_that_execs_away_keeps_the_state_before(kernel):
    kernel.run("x=1")
    assert kernel.run("x=2; exec echo gone").text() == "gone\n"
    assert kernel.run("echo $x").text() == "1\n"


def test_nothing_is_left_in_the_container(kernel, host):
    name = kernel.run("true").record["container"]
    listing = ["sh", "-c", "ls -A / /tmp /root /home 2>/dev/null"]
    before = containers.run(host, name, listing).stdout
    kernel.run("x=1; cd /proc; export A=1")
    kernel.run("echo $x")
    assert containers.run(host, name, listing).stdout == before


def test_options_do_not_change_the_session(start_kernel, busybox):
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    kernel.run("cd /proc; export A=1")
    result = kernel.run("%%exec -w /tmp -e A=2 -e B=3\npwd; echo $A $B; A=4")
    assert result.text() == "/tmp\n2 3\n"
    assert kernel.run("pwd; echo $A ${B-unset}").text() == "/proc\n1 unset\n"
    assert kernel.run("%%exec -- sh -c 'pwd; cat'\nbody $A").text() == "/proc\nbody $A"


def test_a_readonly_variable_is_set_by_no_option(start_kernel, busybox):
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    kernel.run("readonly A=1")
    for cell in ("%env A=2\necho $A", "%%exec -e A=2\necho $A"):
        reply = kernel.run(cell).reply
        assert (reply["ename"], reply["evalue"].split(".")[0]) == (
            "ConfigurationError",
            "A cell has made A readonly",
        )
    assert kernel.run("%%exec -e B=2\necho $A$B").text() == "12\n"
    assert kernel.run("%reset\necho ${A-unset}").text() == "unset\n"
    assert kernel.run("%env A=2\necho $A").text() == "2\n"


def test_each_container_has_a_session_of_its_own(start_kernel, busybox, debian):
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    kernel.run("cd /proc; x=busybox")
    assert (
        kernel.run(f"%container {debian}\npwd; echo ${{x-unset}}; x=debian").text() == "/\nunset\n"
    )
    assert kernel.run(f"%container {busybox}\npwd; echo $x").text() == "/proc\nbusybox\n"


def test_in_a_folder_that_is_gone_nothing_runs(start_kernel, run_container, host):
    name = run_container()
    kernel = start_kernel(DEXEC_CONTAINER=name)
    kernel.run("mkdir /tmp/gone; cd /tmp/gone; touch /kept; rmdir /tmp/gone")
    for _ in range(2):
        result = kernel.run("rm -f /kept; pwd")
        assert result.reply["ename"] == "FolderGone"
        assert "/tmp/gone" in result.reply["evalue"]
        assert result.text() == ""
    assert containers.run(host, name, ["ls", "/kept"]).exit_code == 0
    assert kernel.run("cd /tmp; pwd").text() == "/tmp\n"
    assert kernel.run("pwd").text() == "/tmp\n"


def test_where_the_containers_own_folder_is_gone_a_session_begins_elsewhere(
    start_kernel, run_container, host
):
    name = run_container(working_dir="/srv/app")
    containers.run(host, name, ["rmdir", "/srv/app"])
    kernel = start_kernel(DEXEC_CONTAINER=name)
    for _ in range(2):
        result = kernel.run("touch /ran; pwd")
        assert result.reply["ename"] == "FolderGone"
        assert "/srv/app" in result.reply["evalue"]
        assert result.record["state"] == "not started"
    assert kernel.run("# Nothing is there.\ncd /tmp; x=1; pwd").text() == "/tmp\n"
    assert kernel.run("ls /ran; pwd; echo $x").text() == "/tmp\n1\n"
    assert kernel.run("%%exec -- pwd").text() == "/tmp\n"
    kernel.run("echo on; sleep 100000", at=kernel.interrupt_at("on"))
    assert kernel.run("echo $x").text() == "1\n"
    assert kernel.run("%reset\npwd").reply["ename"] == "FolderGone"
    assert kernel.run("cd /; pwd").text() == "/\n"


def test_env_shows_sets_and_hides(kernel):
    kernel.run("export SHOWN=1 API_KEY=hunter2; unset HOME")
    [shown] = kernel.run("%env").of("display_data")
    text = shown["data"]["text/plain"]
    assert "SHOWN" in text
    assert "API_KEY" in text
    assert "hunter2" not in str(shown)
    assert "(unset)" in text
    result = kernel.run("%env ADDED=a=b\necho $ADDED")
    assert result.text() == "a=b\n"
    assert kernel.run("echo $ADDED").text() == "a=b\n"
    assert kernel.run("%env 1x=2").reply["ename"] == "CellSyntaxError"


def test_reset_forgets(kernel):
    first = kernel.run("pwd").text()
    kernel.run("cd /proc; export A=1")
    assert kernel.run("%reset\necho ${A-unset}; pwd").text() == f"unset\n{first}"


def test_secrets_reach_neither_the_process_list_nor_the_engines_events(
    start_kernel, run_container, host
):
    name = run_container()
    kernel = start_kernel(DEXEC_CONTAINER=name)
    kernel.run("export API_KEY=hunter2")
    result = kernel.run("ps -o args; echo $API_KEY | wc -c")
    assert "hunter2" not in result.text()
    assert "dexec:" not in result.text()
    assert result.text().endswith("8\n")
