"""The processes of a container in a pod, as its own /proc has them: Kubernetes has no list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dexec_kernel.backend.models import ContainerTop, ExecConfig, Stream
from dexec_kernel.errors import EngineApiError
from dexec_kernel.kube.boot import NAME
from dexec_kernel.kube.exec import KubeExec
from dexec_kernel.shell.commands import CELL_COMMAND, SCRIPT_COMMAND

_TITLES = ("UID", "PID", "PPID", "CMD")
#: Only builtins, and `tr` for the arguments: without it there are names alone.
_LIST = """
command -v tr >/dev/null && has_tr=1 || has_tr=
for d in /proc/[0-9]*; do
  [ "$d" != "/proc/$$" ] || continue
  { IFS= read -r stat <"$d/stat"; } 2>/dev/null || continue
  pid=${stat%% *} name=${stat#*\\(} rest=${stat##*\\) } args=
  name=${name%\\)*}
  rest=${rest#* }
  uid=
  while read -r key value _; do
    [ "$key" != Uid: ] || { uid=$value; break; }
  done <"$d/status" 2>/dev/null
  [ -z "$has_tr" ] || args=$(tr '\\0\\n\\t' '   ' <"$d/cmdline" 2>/dev/null)
  printf '%s\\t%s\\t%s\\t%s\\t%s\\n' "$uid" "$pid" "${rest%% *}" "$name" "${args:-[$name]}"
done
"""
_COLUMNS = 5
#: Of a PID: what is longer is none.
_DIGITS = 10
#: In bytes: more is not read of a list.
_MAX = 8 * 1024 * 1024
_NO_ANSWER = 500

Start = Callable[[ExecConfig], Awaitable[KubeExec]]


async def processes(start: Start) -> tuple[ContainerTop, dict[str, str]]:
    """Return a container's processes, and their names by their PIDs.

    Raises :class:`EngineApiError` where the container says nothing.
    """
    attached = await start(ExecConfig(["sh", "-c", _LIST, "dexec-ps"], in_root=True))
    said = b""
    try:
        while len(said) < _MAX and (frames := await attached.read()):
            said += b"".join(frame.data for frame in frames if frame.stream is Stream.STDOUT)
        error = attached.why_not_started(await attached.inspect(), b"")
    finally:
        attached.close()
    if error is not None:
        raise error
    return read_processes(said.decode("utf-8", "replace"))


def read_processes(text: str) -> tuple[ContainerTop, dict[str, str]]:
    """Read the list. Raises :class:`EngineApiError` for an empty one."""
    found = [line.split("\t", _COLUMNS - 1) for line in text.splitlines()]
    rows = sorted((row for row in found if len(row) == _COLUMNS), key=_number)
    if not rows:
        raise EngineApiError("The container has no /proc that can be read.", status=_NO_ANSWER)
    listed = tuple((uid, pid, ppid, _words(args.strip())) for uid, pid, ppid, _, args in rows)
    return ContainerTop(_TITLES, listed), {row[1]: row[3] for row in rows}


def _number(row: list[str]) -> int:
    return int(row[1]) if row[1].isdecimal() and len(row[1]) <= _DIGITS else 0


def _words(args: str) -> str:
    """Return a command; of a shell that has read its program, what it would be elsewhere."""
    shell, is_ours, rest = args.partition(f" -c {NAME}")
    if not is_ours:
        return args
    name = rest.split()[-1] if rest.split() else ""
    if name.startswith("dexec-"):
        return f"{shell} -c {SCRIPT_COMMAND} {name}"
    return f"{shell} -c {CELL_COMMAND}"
