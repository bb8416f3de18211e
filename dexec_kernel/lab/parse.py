"""The text of ``lab.toml`` -> :class:`Lab`, and every problem with it. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TypeVar

from dexec_kernel.backend.lifecycle import HealthConfig
from dexec_kernel.lab import foreign, values
from dexec_kernel.lab.spec import AtIdle, Capabilities, Container, Lab, Task, Where
from dexec_kernel.tables import Table, read_toml

_N = TypeVar("_N", int, float)

#: The name of the container in ``[container]``.
ONLY = "lab"
_CONDITIONS: tuple[dict[str, str], ...] = (
    {},
    {"condition": "service_started"},
    {"condition": "service_healthy"},
)
_WAYS = 'a list: ["db"], or a table: { db = { condition = "service_healthy" } }'
NETWORKS = ("none", "bridge")
#: A container's is its host name as well, which has 63 characters at most.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_IMAGE = 'text in quotes: the name of an image, such as "debian:stable-slim"'
_DURATION = 'seconds, or text such as "90m" or "1h30m"'


def parse_lab(content: bytes) -> tuple[Lab | None, list[str]]:
    """Read a lab; return it with its problems, and None where the file is no TOML.

    Where a value is a problem, the lab has its default in its place.
    """
    try:
        whole = read_toml(content)
    except ValueError as error:
        return None, [f"{error}"]
    problems: list[str] = []
    top = Table(whole, problems=problems)
    title = _required(top, "title")
    containers = _containers(top)
    general = top.table("lab")
    tasks = _tasks(top)
    lab = Lab(
        title=title,
        containers=containers,
        time=general.read("time", values.duration, _DURATION),
        idle=general.read("idle", values.duration, _DURATION),
        at_idle=AtIdle(general.choice("at_idle", [kind.value for kind in AtIdle], "pause")),
        capabilities=Capabilities(
            general.choice("capabilities", [kind.value for kind in Capabilities], "linux")
        ),
        keep=general.flag("keep", default=False),
        tasks=tasks,
    )
    general.end(foreign.LAB)
    top.end(foreign.TOP)
    problems += [*_faults_of_containers(lab), *_faults_of_tasks(lab)]
    return lab, problems


def _required(table: Table, key: str) -> str:
    if key not in table:
        table.problems.append(f"{table.path(key)} is missing, and should be text in quotes")
    if key == "image":
        return table.read(key, values.image, _IMAGE) or ""
    return table.read(key, values.some_text, "text in quotes, not empty") or ""


# --- containers ---------------------------------------------------------------------------------


def _containers(top: Table) -> tuple[Container, ...]:
    if "containers" not in top:
        if "container" not in top:
            top.table("container")
            top.problems.append("container is missing, and should be a table: [container]")
            return ()
        return (_container(top.table("container"), ONLY),)
    if "container" in top:
        top.problems.append("container and containers exclude each other; write [containers.NAME]")
        top.table("container")
    found = tuple(_container(table, name) for name, table in _named(top, "containers"))
    if not found:
        top.problems.append("containers has no container; write [containers.NAME]")
    return found


def _named(top: Table, key: str) -> Iterator[tuple[str, Table]]:
    """Yield the tables in a table, with their names."""
    outer = top.table(key)
    for name in outer:
        if not _NAME.fullmatch(name):
            top.problems.append(
                f"{key}.{name!r} cannot be a name: it may have 63 ASCII letters, digits, - and _"
            )
        yield name, outer.table(name)


def _container(table: Table, name: str) -> Container:
    several = 'text, or a list: ["a", "b"]'
    container = Container(
        name=name,
        image=_required(table, "image"),
        command=table.read("command", values.words, "a command line, or a list of words") or (),
        mem_limit=table.read("mem_limit", values.memory, '"6m" or more, such as "128m"'),
        cpus=table.read("cpus", values.cpus, "a number from 0.01, such as 0.5"),
        pids_limit=table.whole_number("pids_limit", least=1, right="a whole number, at least 1"),
        network_mode=table.choice("network_mode", NETWORKS, "none"),
        read_only=table.flag("read_only", default=False),
        tmpfs=table.read("tmpfs", values.texts, several) or (),
        cap_add=table.read("cap_add", values.texts, several) or (),
        user=table.read("user", values.user, 'a user in quotes: "student", "1000:1000"') or "",
        working_dir=table.read("working_dir", values.some_text, "an absolute path") or "",
        environment=table.read(
            "environment",
            values.variables,
            'a table of texts, or a list of "NAME=VALUE"',
            is_secret=True,
        )
        or {},
        volumes=table.read("volumes", values.texts, several) or (),
        healthcheck=_healthcheck(table),
        depends_on=table.read("depends_on", _depends_on, _WAYS) or (),
    )
    if container.working_dir and not container.working_dir.startswith("/"):
        table.wrong("working_dir", "an absolute path")
    elif fault := values.length_fault(container.working_dir):
        table.problems.append(f"{table.path('working_dir')} {fault}")
    for capability in container.cap_add:
        word = capability.upper().removeprefix("CAP_")
        if word not in values.CAPABILITIES:
            near = get_close_matches(word, values.CAPABILITIES, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            table.problems.append(f"{table.path('cap_add')}: there is no {capability!r}{meant}")
    _check_places(table, container)
    table.end(foreign.CONTAINER)
    return container


def _check_places(table: Table, container: Container) -> None:
    """Look at what is mounted, and where."""
    for path in container.tmpfs:
        if not path.startswith("/"):
            table.wrong("tmpfs", "absolute paths, with :size=64m or without")
        elif fault := values.tmpfs_fault(path):
            table.problems.append(f"{table.path('tmpfs')}: {path!r} {fault}")
    for volume in container.volumes:
        if fault := values.volume_fault(volume):
            table.problems.append(f"{table.path('volumes')}: {volume!r} {fault}")
    places = [text.partition(":")[0] for text in container.tmpfs]
    places += [text.split(":")[1] for text in container.volumes if text.count(":")]
    for place, count in Counter(str(PurePosixPath(place)) for place in places).items():
        if count > 1:
            table.problems.append(
                f"{table.name}: more than one of volumes and tmpfs is at {place!r}"
            )


def _depends_on(value: object) -> tuple[str, ...] | None:
    """Read Compose's short form, or its long one: a table of containers with conditions.

    A container with a health check is waited for in either form.
    """
    if isinstance(value, dict):
        are_known = all(item in _CONDITIONS for item in value.values())
        return values.texts(list(value)) if are_known else None
    return values.texts(value)


def _healthcheck(table: Table) -> HealthConfig | None:
    if "healthcheck" not in table:
        table.table("healthcheck")
        return None
    inner = table.table("healthcheck")
    check = HealthConfig(
        test=inner.read("test", _test, 'a command line, or ["CMD", "word", "word"]') or (),
        interval=inner.read("interval", values.pause, _DURATION),
        timeout=inner.read("timeout", values.pause, _DURATION),
        start_period=inner.read("start_period", values.pause, _DURATION),
        retries=inner.whole_number("retries", least=1, right="a whole number, at least 1"),
    )
    if "test" not in inner:
        table.problems.append(f"{inner.path('test')} is missing, and should be a command line")
    inner.end()
    return check


def _test(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return ("CMD-SHELL", value) if value.strip() else None
    found = values.texts(value)
    return found if found and len(found) > 1 and found[0] in {"CMD", "CMD-SHELL"} else None


def _faults_of_containers(lab: Lab) -> Iterator[str]:
    known = [container.name for container in lab.containers]
    needs = {container.name: container.depends_on for container in lab.containers}
    for name, wanted in needs.items():
        for other in wanted:
            if other not in known:
                yield f"depends_on of {name}: {_no_such('container', other, known)}"
    for name in _in_circles(needs):
        yield f"depends_on of {name}: it would wait for itself"


# --- tasks --------------------------------------------------------------------------------------


def _tasks(top: Table) -> tuple[Task, ...]:
    return tuple(_task(table, name) for name, table in _named(top, "tasks"))


def _task(table: Table, name: str) -> Task:
    several = 'a list of paths: ["/home/student/answer.txt"]'
    task = Task(
        name=name,
        title=_required(table, "title"),
        points=_or(table.read("points", values.points, "a number, at least 0"), 1),
        files=table.texts("files", several) or (),
        where=Where(table.choice("where", [place.value for place in Where], "fresh")),
        timeout=table.read("timeout", values.duration, _DURATION) or 15,
        after=table.texts("after", 'a list of tasks: ["pipes"]') or (),
        hints_after=_or(table.whole_number("hints_after", least=0, right="a whole number"), 3),
    )
    for path in task.files:
        pure = PurePosixPath(path)
        if not pure.is_absolute() or ".." in pure.parts or len(pure.parts) == 1:
            table.problems.append(
                f"{table.path('files')}: {path!r} should be an absolute path below /, without .."
            )
        elif fault := values.file_fault(path):
            table.problems.append(f"{table.path('files')}: {path!r} {fault}")
    if task.files and task.where is not Where.FRESH:
        table.problems.append(
            f'{table.path("files")} is for where = "fresh": a check {task.where.value} looks itself'
        )
    table.end(foreign.TASK)
    return task


def _or(value: _N | None, default: _N) -> _N:
    return default if value is None else value


def _faults_of_tasks(lab: Lab) -> Iterator[str]:
    known = [task.name for task in lab.tasks]
    if not known:
        yield "tasks is missing, and should be a table for each task: [tasks.NAME]"
    for task in lab.tasks:
        for other in task.after:
            if other not in known:
                yield f"tasks.{task.name}.after: {_no_such('task', other, known)}"
        for path in task.files if lab.containers else ():
            for place in (text.partition(":")[0] for text in lab.containers[0].tmpfs):
                if PurePosixPath(path).is_relative_to(place):
                    yield (
                        f"tasks.{task.name}.files: {path!r} is in memory (tmpfs), and no engine"
                        ' copies from there: write another path, or where = "inside"'
                    )
        if task.where is Where.INSIDE and lab.containers and lab.containers[0].is_root:
            yield (
                f'tasks.{task.name}.where is "inside", where the student may be root and deceive'
                ' the check: give the container a user, or write "fresh" or "beside"'
            )
    for name in _in_circles({task.name: task.after for task in lab.tasks}):
        yield f"tasks.{name}.after: {name} would come after itself"


def _no_such(kind: str, name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(name, known, 1)
    meant = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known) or 'none'}"
    return f"there is no {kind} {name!r}; {meant}"


def _in_circles(needs: dict[str, tuple[str, ...]]) -> list[str]:
    """Return the names that need themselves, directly or by way of others."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = [*needs.get(start, ())]
        while waiting:
            if (name := waiting.pop()) not in found:
                found.add(name)
                waiting += needs.get(name, ())
        return found

    return [name for name in needs if name in reached(name)]
