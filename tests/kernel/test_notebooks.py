"""Programs that execute notebooks: they stop at a failing cell, and what they store reads right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter, ScriptExporter

RECORD = "application/vnd.dexec.exec+json"
QUICKSTART = Path(__file__).parents[2] / "notebooks/quickstart.ipynb"


@pytest.fixture(autouse=True)
def environment(host, busybox):
    with patch.dict("os.environ", {"DOCKER_HOST": host, "DEXEC_CONTAINER": busybox}):
        yield


@pytest.fixture
def stored(tmp_path):
    """Write a notebook of these cells, and return its path."""

    def write(*sources: str) -> Path:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in sources],
            metadata={"kernelspec": {"name": "dexec", "display_name": "d", "language": "bash"}},
        )
        path = tmp_path / "notebook.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


def read(path):
    return nbformat.read(path, as_version=4)


def execute(notebook):
    NotebookClient(notebook, timeout=60, coalesce_streams=True).execute()


def records(notebook) -> list[dict]:
    """The record of each cell that has one; it is always the cell's first output."""
    found = []
    for cell in notebook.cells:
        for number, output in enumerate(cell.get("outputs", ())):
            if RECORD in output.get("data", {}):
                assert number == 0
                assert "text/html" in output.data
                found.append(output.data[RECORD])
    return found


def text(cell) -> str:
    return "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")


SOURCES = ("echo one; sleep 0.4; echo two", "echo bad; exit 3", "echo never")


def test_nbclient_stops_and_keeps_the_record(stored):
    notebook = read(stored(*SOURCES))
    with pytest.raises(CellExecutionError, match="CommandFailed"):
        execute(notebook)
    assert [record["exit_code"] for record in records(notebook)] == [0, 3]
    assert all(record["pid"] > 0 for record in records(notebook))
    assert text(notebook.cells[0]) == "one\ntwo\n"
    assert notebook.cells[2].outputs == []
    assert "widgets" not in notebook.metadata
    nbformat.validate(notebook)


def test_papermill_stops_and_keeps_the_record(stored, tmp_path):
    output = tmp_path / "out.ipynb"
    with pytest.raises(papermill.PapermillExecutionError) as raised:
        papermill.execute_notebook(stored(*SOURCES), output, progress_bar=False)
    assert (raised.value.ename, raised.value.evalue) == ("CommandFailed", "exit code 3")
    notebook = read(output)
    assert [record["exit_code"] for record in records(notebook)] == [0, 3]


def test_nbconvert_stops_with_an_exit_code_of_its_own(stored, tmp_path):
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute"]
    output = ["--output", str(tmp_path / "out.ipynb")]
    done = subprocess.run(
        [*command, *output, stored(*SOURCES)], check=False, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "CommandFailed" in done.stderr
    done = subprocess.run(
        [*command, *output, stored(SOURCES[0])], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0
    [record] = records(read(tmp_path / "out.ipynb"))
    assert record["exit_code"] == 0
    assert record["state"] == "exited"


def test_the_exported_page_shows_the_bars_without_a_kernel(stored):
    notebook = read(stored("sleep 0.4; echo '<b>bold?</b>'"))
    execute(notebook)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    [record] = records(notebook)
    assert f"{record['pid']}" in page
    assert "exit code 0" in page
    assert "Loading widget" not in page
    assert "<b>bold?</b>" not in page


def test_the_exported_script_is_a_shell_script(stored):
    notebook = read(stored("echo hi"))
    execute(notebook)
    script, resources = ScriptExporter().from_notebook_node(notebook)
    assert resources["output_extension"] == ".sh"
    assert "echo hi" in script


def test_the_quickstart(busybox):
    notebook = read(QUICKSTART)
    assert all(not cell.get("outputs") for cell in notebook.cells), "it is stored without outputs"
    execute(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells = {cell.source.splitlines()[0][:24]: cell for cell in code}

    def output(begin: str) -> str:
        [cell] = [cell for source, cell in cells.items() if source.startswith(begin)]
        return text(cell)

    assert output('echo "I am').startswith("I am root, on ")
    assert output("for step") == "".join(
        f"step {word}\n" for word in ("one", "two", "three", "four", "five")
    )
    assert output('echo "this is the result') == "this is the result\n"
    assert "\x1b[1;32mgreen" in output("printf")
    assert "日本語" in output("printf")
    assert output("cat <<") == "555 visits, the most (340) on tuesday\n"
    assert output("fib") == "1 1 2 3 5 8 13 21 \n"
    assert [record["exit_code"] for record in records(notebook)] == [0, 0, 0, 0, 0, 0, 1, 3, 127, 0]
    assert {record["container"] for record in records(notebook)} == {busybox}
    failing = [cell for cell in code if "raises-exception" in cell.metadata.get("tags", ())]
    assert all(cell.outputs[-1].output_type == "error" for cell in failing)
    assert len(failing) == 3
