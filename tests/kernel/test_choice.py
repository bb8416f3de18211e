"""How the container of a cell is chosen; the nearest to the cell wins."""

from __future__ import annotations

import pytest

from devtools import containers, images
from devtools.engine import LeanEngine


def where(kernel) -> str:
    result = kernel.run("true")
    assert result.reply["status"] == "ok", result.reply
    return result.record["container"]


def test_the_only_one_that_runs(start_kernel):
    with LeanEngine() as engine:
        images.ensure_image(engine.host, images.BUSYBOX)
        kernel = start_kernel(engine=engine.host)
        result = kernel.run("echo hi")
        reply = result.reply
        assert (reply["ename"], "docker run" in reply["traceback"][-1]) == ("NotChosenError", True)
        assert result.of("comm_open") == []  # There is nothing to choose from.
        containers.run_container(engine.host, images.BUSYBOX, "alone")
        assert where(kernel) == "alone"
        assert "alone" in kernel.run("%container").of("display_data")[0]["data"]["text/plain"]
        containers.run_container(engine.host, images.BUSYBOX, "another")
        assert kernel.run("true").reply["ename"] == "NotChosenError"


def test_the_order_of_the_ways(  # noqa: PLR0917 -- fixtures
    start_kernel, run_container, tmp_path, busybox, debian, noshell
):
    name = run_container()
    config = tmp_path / "config.py"
    config.write_text(f"c.DexecKernel.container = {busybox!r}\n")
    configured = f"--config={config}"
    assert where(start_kernel(arguments=(configured,))) == busybox
    kernel = start_kernel(arguments=(configured,), DEXEC_CONTAINER=debian)
    assert where(kernel) == debian
    kernel = start_kernel(arguments=(configured, f"--container={name}"), DEXEC_CONTAINER=debian)
    assert where(kernel) == name
    kernel.run(f"%container {noshell}")
    assert where(kernel) == noshell


def test_the_magic_shows_the_current_one_and_the_candidates(kernel, busybox, debian):
    [shown] = kernel.run("%container").of("display_data")
    text = shown["data"]["text/plain"]
    assert text.startswith(f"Cells run in {busybox} ")
    assert f"→ %container {busybox} " in text
    assert f"  %container {debian} " in text
    assert f"<code>%container {debian}</code>" in shown["data"]["text/html"]


def test_the_magic_changes_the_container_for_the_rest_of_its_cell_and_after(kernel, debian):
    result = kernel.run(f"%container {debian}\n\necho $0; echo {{1..3}}")
    assert result.text() == "bash\n1 2 3\n"
    assert result.record["container"] == debian
    assert where(kernel) == debian


def test_the_magic_keeps_the_old_one_when_the_new_one_is_not_there(kernel, busybox):
    reply = kernel.run("%container nowhere\necho no").reply
    assert reply["ename"] == "ContainerNotFound"
    assert where(kernel) == busybox


def test_a_container_may_be_named_by_its_id(start_kernel, kernel):
    container_id = kernel.run("true").record["container_id"]
    assert len(container_id) == 64
    assert where(start_kernel(DEXEC_CONTAINER=container_id[:12])) == where(kernel)


def test_a_compose_service_whatever_its_container_is_called(start_kernel, run_container):
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "db",
        "com.docker.compose.container-number": "1",
    }
    name = run_container(labels=labels)
    kernel = start_kernel(DEXEC_CONTAINER="compose:shop/db")
    assert where(kernel) == name
    reply = kernel.run("%container compose:shop/cache").reply
    assert (reply["ename"], "cache" in reply["evalue"]) == ("ContainerNotFound", True)


@pytest.mark.parametrize("name", ["../web", "a b", "x;rm -rf", "ü", "%2e", "a/b?c#d"])
def test_odd_names_are_not_found_and_nothing_worse(start_kernel, name):
    kernel = start_kernel(DEXEC_CONTAINER=name)
    reply = kernel.run("echo hi").reply
    assert reply["ename"] == "ContainerNotFound"
    assert name in reply["evalue"]


def test_a_container_made_anew_under_the_same_name_is_found(start_kernel, run_container, host):
    name = run_container(images.DEBIAN)
    kernel = start_kernel(DEXEC_CONTAINER=name)
    before = kernel.run("true").record["container_id"]
    containers.remove_container(host, name)
    run_container(images.BUSYBOX, name)
    after = kernel.run("echo hi")
    assert after.text() == "hi\n"
    assert after.record["container_id"] != before


def test_the_shell_is_the_best_that_the_image_has(start_kernel, busybox, debian, noshell):
    assert start_kernel(DEXEC_CONTAINER=debian).run("echo ${BASH_VERSION%%.*}").text() == "5\n"
    assert start_kernel(DEXEC_CONTAINER=busybox).run("echo ${BASH_VERSION-no}").text() == "no\n"
    kernel = start_kernel(DEXEC_CONTAINER=noshell)
    assert kernel.run("echo $HOME 'a b' | cat").text() == "$HOME a b | cat\n"
    reply = kernel.run("echo one\necho two").reply
    assert "one command line" in reply["evalue"]
