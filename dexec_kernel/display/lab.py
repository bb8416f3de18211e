"""The displays of a lab: the line of its start, and ``%lab``. No I/O."""

from __future__ import annotations

from dexec_kernel.display.html import HTML_TYPE, Html, bundle, display, element, joined
from dexec_kernel.display.style import box
from dexec_kernel.display.table import line_data, table_data
from dexec_kernel.display.text import one_line
from dexec_kernel.lab.progress import Standing, TaskProgress
from dexec_kernel.lab.room import ContainerView, LabView
from dexec_kernel.units import format_duration, format_size

_MARKS = {Standing.PASSED: "✓", Standing.OPEN: "→", Standing.LATER: ""}
_HINT = "`%check` checks the next task, `%lab reset` begins again with new containers."


def starting_data(title: str, step: str) -> dict[str, str]:
    """Return the mime bundle of a lab whose containers are being made; ``step`` says what is done.

    It is shown while that goes on.
    """
    return line_data((title, f"{step} …"))


def started_data(title: str, words: str) -> dict[str, str]:
    """Return the mime bundle of a lab that is ready; ``words`` say what was done."""
    return line_data((title, words))


def lab_data(lab: LabView) -> dict[str, str]:
    """Return the mime bundle of a lab: its containers with limits and use, its time, its tasks."""
    return bundle(lab_html(lab), lab_text(lab))


def lab_text(lab: LabView) -> str:
    """Return a lab as plain text."""
    return "\n".join((_head(lab), *(table["text/plain"] for table in _tables(lab)), _HINT))


def lab_html(lab: LabView) -> Html:
    """Return a lab as HTML."""
    rows = joined(
        element("div", _head(lab), style="font-weight:600"),
        *(
            element("div", Html(table[HTML_TYPE]), style="overflow-x:auto;padding-bottom:4px")
            for table in _tables(lab)
        ),
        element("div", _HINT.replace("`", ""), style="opacity:.65"),
    )
    return display("div", rows, style=box())


def _head(lab: LabView) -> str:
    points = sum(task.points for task in lab.tasks)
    most = sum(task.task.points for task in lab.tasks)
    head = [lab.title, f"{points:g} of {most:g} points"]
    if lab.left is not None:
        head.append(f"{format_duration(max(0.0, lab.left), whole=True)} left")
    return " · ".join(one_line(part) for part in head)


def _tables(lab: LabView) -> tuple[dict[str, str], ...]:
    titles = ("container", "image", "state", "memory", "processes", "processors", "network")
    return (
        table_data(("", "task", "", "points", ""), [_task(task) for task in lab.tasks]),
        table_data(titles, [_container(view) for view in lab.containers]),
    )


def _task(task: TaskProgress) -> tuple[str, ...]:
    tries = f"{task.attempts} checks" if task.attempts > 1 else "1 check" if task.attempts else ""
    waits = f"after {', '.join(task.waits_for)}" if task.waits_for else ""
    return (
        _MARKS[task.standing],
        task.task.name,
        task.task.title,
        f"{task.points:g} of {task.task.points:g}",
        tries or waits,
    )


def _container(view: ContainerView) -> tuple[str, ...]:
    spec = view.spec
    used = "" if view.memory is None else format_size(view.memory)
    limit = "no limit" if spec.mem_limit is None else f"of {format_size(spec.mem_limit)}"
    count = "" if view.processes is None else str(view.processes)
    most = "no limit" if spec.pids_limit is None else f"of {spec.pids_limit}"
    return (
        spec.name,
        spec.image,
        view.state,
        f"{used} {limit}".strip(),
        f"{count} {most}".strip(),
        "no limit" if spec.cpus is None else f"{spec.cpus:g}",
        "none" if spec.network_mode == "none" else "private",
    )
