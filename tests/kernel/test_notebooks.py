"""Programs that execute notebooks: they stop at a failing cell, and their results read right."""

from __future__ import annotations

import re
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

from devtools import containers, images
from tests.waiting import GUARD

RECORD = "application/vnd.dexec.exec+json"
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(autouse=True)
def environment(host, busybox):
    settings = {"DOCKER_HOST": host, "DEXEC_CONTAINER": busybox, "DEXEC_HISTORY_FILE": ":memory:"}
    with patch.dict("os.environ", settings):
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


def execute(notebook, folder="."):
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=GUARD, coalesce_streams=True, resources=resources).execute()


def records(notebook) -> list[dict]:
    """The record of each cell that has one, in its first output but for those of magics."""
    found = []
    for cell in notebook.cells:
        for number, output in enumerate(cell.get("outputs", ())):
            if RECORD in output.get("data", {}):
                assert number == 0 or cell.source.startswith("%")
                assert "text/html" in output.data
                found.append(output.data[RECORD])
    return found


def text(cell, name="stdout") -> str:
    return "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == name)


def shown(cell) -> list[str]:
    """Return the text of a cell's outputs besides its record."""
    return [
        output.data["text/plain"]
        for output in cell.outputs
        if output.output_type == "display_data" and RECORD not in output.data
    ]


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
    """One run of two notebooks: the first is executed and written, the second one fails."""
    good = stored(SOURCES[0]).rename(tmp_path / "good.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute"]
    output = ["--output-dir", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, *output, good, stored(*SOURCES)], check=False, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "CommandFailed" in done.stderr
    assert not (tmp_path / "out/notebook.ipynb").exists()
    [record] = records(read(tmp_path / "out/good.ipynb"))
    assert record["exit_code"] == 0
    assert record["state"] == "exited"


def test_the_exported_page_shows_the_bars_and_the_script_is_a_shell_script(stored):
    notebook = read(stored("sleep 0.4; echo '<b>bold?</b>'"))
    execute(notebook)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    [record] = records(notebook)
    assert f"{record['pid']}" in page
    assert "exit code 0" in page
    assert "Loading widget" not in page
    assert "<b>bold?</b>" not in page
    script, resources = ScriptExporter().from_notebook_node(notebook)
    assert resources["output_extension"] == ".sh"
    assert "echo '<b>bold?</b>'" in script


def test_the_quickstart(busybox):
    notebook = read(NOTEBOOKS / "quickstart.ipynb")
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


def test_the_tour_of_a_session(run_container, host, tmp_path):
    # Its first cell goes there, from the busybox of the environment.
    container = run_container(images.DEBIAN, "dexec-demo-debian")
    notebook = read(NOTEBOOKS / "session.ipynb")
    assert all(not cell.get("outputs") for cell in notebook.cells), "it is stored without outputs"
    execute(notebook, tmp_path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    def cell(part: str):
        [found] = [cell for cell in code if part in cell.source]
        return found

    def record(part: str) -> dict:
        return cell(part).outputs[0].data[RECORD]

    assert {record["container"] for record in records(notebook)} == {container}
    greetings = [text(cell) for cell in code if cell.source.startswith("greet")]
    assert greetings[0] == "Greetings from Lisboa, in /tmp/tour\n12\n"
    assert greetings[1] == "Greetings from Kyōto, in /etc\n"
    assert text(cell("printenv")) == "test\n"
    [table] = next(shown(cell) for cell in code if cell.source == "%env")
    assert "STAGE" in table
    assert "nobody" not in table
    assert text(cell("I am in")) == "I am in /, and the city is forgotten\n"

    assert text(cell("-u nobody")) == "Olá from nobody, in /var/tmp\n"
    limited = cell("--timeout")
    assert (limited.outputs[-1].ename, record("--timeout")["state"]) == ("CellTimeout", "timed out")
    assert text(limited) == "this may take a while …\n"
    assert shown(cell("%timeout")) == ["Cells are ended after 30 s."]
    assert text(cell("-- sort")) == "4 pears\n30 apples\n100 cherries\n"
    assert text(cell("%%python3")) == "555 visits, the most on tuesday\n"
    assert "24 80" in text(cell("stty"))
    assert "\x1b[1;32mSomebody" in text(cell("stty"))

    assert record("worker=")["state"] == "background"
    assert text(cell("kill -0")).startswith("It runs")
    assert "while echo tick" in shown(cell("%ps"))[0]
    assert text(cell('kill "$worker"')) == "The loop has ended.\n"

    counted = text(cell("seq 500000"))
    assert counted.startswith("1\n2\n3\n")
    assert counted.endswith("499999\n500000\n")
    log = record("seq 500000")["log"]
    notice = text(cell("seq 500000"), "stderr")
    assert re.fullmatch(rf"\[[\d,]+ bytes, [\d,]+ lines left out; .*{re.escape(log)}\]\n", notice)

    assert (tmp_path / "visits.csv").read_text().splitlines()[1] == "monday,120"
    assert shown(cell("%show"))[0].split()[:4] == ["day", "visits", "monday", "120"]
    [first, second] = text(cell("sha256sum")).splitlines()
    assert first.split()[0] == second.split()[0]
    assert (first.split()[1], second.split()[1]) == ("back-again.csv", "visits.csv")
    assert text(cell("%logs")) == "The loop has ended.\n"
    assert "%%writefile" in shown(cell("%magics"))[0]

    failing = [cell for cell in code if "raises-exception" in cell.metadata.get("tags", ())]
    assert [cell.outputs[-1].ename for cell in failing] == ["CommandFailed", "CellTimeout"]
    errors = [cell for cell in code if any(o.output_type == "error" for o in cell.outputs)]
    assert errors == failing
    left = containers.run(host, container, ["ls", "/tmp"])
    assert left.stdout == "", "it tidies up"
