"""The core of the kernel's tests, for cells in a pod: every cluster passes them.

A test module makes a class of :class:`PodCells` and two fixtures: ``kernel`` is in a pod with bash
and Python, and ``files_kernel`` in one with tar, dd and stat.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.kernel.conftest import Kernel
from tests.waiting import until


class PodCells:
    """Cells as people write them. Each test has a kernel whose session is new."""

    def test_a_cell_has_output_an_exit_code_and_a_bar(self, kernel: Kernel):
        result = kernel.run("echo out; echo err >&2; sleep 0.2; exit 3")
        assert result.text() == "out\n"
        assert result.text("stderr") == "err\n"
        assert result.reply["ename"] == "CommandFailed"
        record = result.record
        assert (record["exit_code"], record["state"], record["pid"]) == (3, "exited", None)
        [bar] = [o["data"]["text/plain"] for o in result.outputs if "data" in o]
        assert re.search(r"exit code 3 .* PID \d+ in the container · kube:", bar), bar

    def test_the_session_goes_on_from_cell_to_cell(self, kernel: Kernel):
        kernel.run("cd /tmp; X='a  b'; export Y=1; f() { echo \"f $1\"; }; alias g='f G'; set -u")
        result = kernel.run('f "$X"; g; echo "$PWD $Y $-"')
        assert result.text().splitlines()[:2] == ["f a  b", "f G"]
        assert result.text().splitlines()[2].startswith("/tmp 1 ")
        assert "u" in result.text().splitlines()[2].split()[2]

    def test_errors_count_the_lines_of_the_cell_and_no_name_is_ours(self, kernel: Kernel):
        for _ in range(2):  # The second is a standby's.
            result = kernel.run('true\nno-such-command\necho "$# $0"; set | grep -c ^__dexec')
            assert "line 2: no-such-command" in result.text("stderr")
            assert result.text() == "0 bash\n0\n"

    def test_nothing_of_a_cell_is_an_argument_of_its_shell(self, kernel: Kernel):
        result = kernel.run("cat /proc/$$/cmdline | tr '\\0' ' '; echo SEC''RET")
        assert "SECRET" in result.text()
        assert "SEC''RET" not in result.text().rpartition("SECRET")[0]

    def test_a_cell_without_input_has_end_of_file(self, kernel: Kernel):
        assert kernel.run("cat; echo over", allow_stdin=False).text() == "over\n"
        assert kernel.run("%%python3\nprint(6 * 7)").text() == "42\n"
        body = kernel.run('%%exec -- cat\nit\'s "$HOME"\n.\nlast')
        assert body.text().rstrip("\n") == 'it\'s "$HOME"\n.\nlast'

    def test_input_is_asked_for_and_given(self, kernel: Kernel):
        request = kernel.send('read -r x; echo "got [$x]"', allow_stdin=True)
        kernel.asked(request)
        kernel.client.input("hello  there")
        assert kernel.collect(request).text() == "got [hello  there]\n"

    def test_an_interrupt_ends_a_cell(self, kernel: Kernel):
        result = kernel.run("echo begun; sleep 600", at=kernel.interrupt_at("begun"))
        assert result.reply["ename"] == "KeyboardInterrupt"
        assert result.record["exit_code"] == 128 + 2
        assert kernel.run("pgrep -f 'sleep 6[0]0' || echo none").text() == "none\n"

    def test_a_terminal_has_its_size_and_the_session(self, kernel: Kernel):
        kernel.run("V=7")
        assert (
            kernel.run("%%exec -t\ntest -t 1; echo $? $V; stty size").text() == "0 7\r\n24 80\r\n"
        )

    def test_background_processes_keep_the_cells_exit_code(self, kernel: Kernel):
        result = kernel.run("sleep 600 & echo begun; exit 4")
        assert result.text() == "begun\n"
        assert result.record["state"] == "background"
        kernel.run("pkill -f 'sleep 6[0]0'")

    def test_a_killed_shell_is_told(self, kernel: Kernel):
        assert kernel.run("kill -KILL $$").record["exit_code"] == 128 + 9

    def test_large_output_is_whole(self, kernel: Kernel):
        result = kernel.run("head -c 100000 /dev/zero | tr '\\0' x; echo; echo end")
        assert result.text() == "x" * 100_000 + "\nend\n"

    def test_files_go_in_and_out(self, files_kernel: Kernel, tmp_path: Path):
        data = bytes(range(256)) * 4_000
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "a b").write_bytes(data)
        (tmp_path / "in" / "link").symlink_to("a b")
        assert files_kernel.run(f"%cp {tmp_path}/in :/tmp/dexec-in").reply["status"] == "ok"
        assert files_kernel.run("cksum <'/tmp/dexec-in/a b'; readlink /tmp/dexec-in/link").text()
        assert files_kernel.run(f"%cp :/tmp/dexec-in {tmp_path}/out").reply["status"] == "ok"
        assert (tmp_path / "out" / "a b").read_bytes() == data
        assert (tmp_path / "out" / "link").readlink() == Path("a b")
        assert files_kernel.run("%cp :/no/such /tmp").reply["ename"] == "PathNotFound"
        files_kernel.run("rm -r /tmp/dexec-in")

    def test_a_file_is_written_and_shown(self, files_kernel: Kernel):
        files_kernel.run("%%writefile :/tmp/dexec-file\nhello")
        assert "hello" in str(files_kernel.run("%show :/tmp/dexec-file").outputs)
        assert files_kernel.run("cat /tmp/dexec-file; rm /tmp/dexec-file").text() == "hello"

    def test_magics_know_pods(self, kernel: Kernel):
        kernel.run("V=7; export W=8")
        assert "sleep" in str(kernel.run("%ps").outputs)
        assert "Kubernetes" in str(kernel.run("%status").outputs)
        assert kernel.run("%env").reply["status"] == "ok"
        assert kernel.run("%logs").reply["status"] == "ok"
        # A busy machine answers too late at times, and then nothing is asked for a while.
        until(lambda: "echo" in kernel.reply(kernel.client.complete("ech", 3))["matches"])
        kernel.run("%reset")
        assert kernel.run("echo [$V]").text() == "[]\n"

    def test_what_kubernetes_cannot_do_is_refused_with_the_reason(self, kernel: Kernel):
        for cell, reason in (
            ("%%exec -u nobody\nid", "knows no users"),
            ("%%exec --privileged\nid", "privileged"),
        ):
            reply = kernel.run(cell).reply
            assert reply["ename"] == "ConfigurationError"
            assert reason in reply["evalue"]

    def test_a_detached_command_runs_on(self, kernel: Kernel):
        result = kernel.run(
            "%%exec -d\nuntil [ -e /tmp/dexec-go ]; do sleep 0.1; done; rm /tmp/dexec-go"
        )
        assert result.record["state"] == "detached"
        kernel.run("touch /tmp/dexec-go")
        assert (
            kernel.run("while [ -e /tmp/dexec-go ]; do sleep 0.1; done; echo gone").text()
            == "gone\n"
        )
