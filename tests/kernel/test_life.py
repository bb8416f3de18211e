"""Restart, shutdown, signals: nothing of ours remains in the container."""

from __future__ import annotations

import signal

import pytest

from tests.waiting import GUARD, until


@pytest.fixture
def start_kernel(start_installed_kernel):
    """Nothing of a kernel's life is left out."""
    return start_installed_kernel


@pytest.fixture
def busy(start_kernel, run_container, commands):
    """A kernel in the middle of a cell that ignores SIGINT and has children."""
    name = run_container()
    kernel = start_kernel(DEXEC_CONTAINER=name)
    kernel.send("trap '' INT; sleep 100000 & sleep 101000")
    until(lambda: {"sleep 100000", "sleep 101000"} <= set(commands(name)))
    return kernel, name


def test_a_restart_ends_the_cell(busy, gone):
    kernel, name = busy
    kernel.manager.restart_kernel()
    assert gone(name) == []
    kernel.client.wait_for_ready(timeout=GUARD)
    assert kernel.run("echo hi").text() == "hi\n"
    assert kernel.run("true").reply["execution_count"] == 2


def test_a_shutdown_ends_the_cell(busy, gone):
    kernel, name = busy
    kernel.manager.shutdown_kernel()
    assert gone(name) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_kernel_ends_the_cell(busy, gone, number):
    kernel, name = busy
    kernel.manager.signal_kernel(number)
    assert gone(name) == []
    until(lambda: not kernel.manager.is_alive())


def test_an_idle_kernel_leaves_nothing(start_kernel, run_container, gone):
    name = run_container()
    idle = start_kernel(DEXEC_CONTAINER=name)
    idle.run("echo hi")
    assert gone(name) == []
    idle.manager.shutdown_kernel()
    assert gone(name) == []


def test_a_kernel_that_lacks_a_library_ends_instead_of_hanging(start_kernel, busybox, tmp_path):
    (tmp_path / "h11.py").write_text("raise ImportError('in pieces')")
    kernel = start_kernel(DEXEC_CONTAINER=busybox, PYTHONPATH=str(tmp_path))
    until(lambda: not kernel.manager.is_alive())


def test_a_shutdown_while_it_still_starts(start_kernel, busybox):
    kernel = start_kernel(DEXEC_CONTAINER=busybox)
    kernel.manager.restart_kernel()
    # After the answer, the modules for cells are being imported.
    kernel.client.kernel_info(reply=True, timeout=GUARD)
    kernel.manager.shutdown_kernel()
    assert not kernel.manager.is_alive()


def test_two_kernels_at_once(start_kernel, busybox, debian):
    first = start_kernel(DEXEC_CONTAINER=busybox)
    second = start_kernel(DEXEC_CONTAINER=debian)
    third = start_kernel(DEXEC_CONTAINER=debian)
    code = "for n in 1 2 3 4 5; do echo {} $n; sleep 0.1; done"
    running = [
        (kernel, name, kernel.send(code.format(name)))
        for kernel, name in ((first, "one"), (second, "two"), (third, "three"))
    ]
    for kernel, name, request in running:
        result = kernel.collect(request)
        assert result.text() == "".join(f"{name} {n}\n" for n in range(1, 6))
        assert result.reply["status"] == "ok"


def test_an_interrupt_reaches_only_its_own_kernel(start_kernel, gate, busybox):
    held = gate(busybox)
    first = start_kernel(DEXEC_CONTAINER=busybox)
    second = start_kernel(DEXEC_CONTAINER=busybox)
    requests = [kernel.send(f"{held.wait}; echo done") for kernel in (first, second)]
    for kernel, request in zip((first, second), requests, strict=True):
        kernel.busy(request)
    first.interrupt()
    assert first.collect(requests[0]).reply["ename"] == "KeyboardInterrupt"
    held.open()
    assert second.collect(requests[1]).text() == "done\n"


def test_the_info_of_the_kernel(kernel):
    request = kernel.client.kernel_info()
    info = kernel.reply(request)
    assert info["status"] == "ok"
    assert info["implementation"] == "dexec_kernel"
    assert info["supported_features"] == []
    language = info["language_info"]
    assert language["name"] == "bash"
    assert language["mimetype"] == "text/x-sh"
    assert language["file_extension"] == ".sh"
    assert language["pygments_lexer"] == "bash"


def test_files_beside_the_notebook_are_not_taken_for_libraries(start_kernel, busybox, tmp_path):
    for name in ("requests", "h11", "comm", "ipywidgets"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file')")
    kernel = start_kernel(DEXEC_CONTAINER=busybox, cwd=str(tmp_path))
    # Long enough for a widget, which is imported last.
    assert kernel.run("sleep 0.4; echo hi").text() == "hi\n"
