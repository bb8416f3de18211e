"""The text of a policy -> :class:`Policy`. No I/O.

It is imported where there is a policy, and nowhere else.
"""

from __future__ import annotations

from dexec_kernel.errors import PolicyUnusable
from dexec_kernel.policy.rules import Files, Policy
from dexec_kernel.tables import Table, read_toml

_NAMES = 'names or patterns, ["lab-*"]'


def parse_policy(content: bytes, file: str) -> Policy:
    """Read a policy. Raises :class:`PolicyUnusable` with every problem."""
    try:
        whole = read_toml(content)
    except ValueError as error:
        raise PolicyUnusable.of(file, [str(error)]) from error
    problems: list[str] = []
    top = Table(whole, problems=problems)
    containers, execs = top.table("containers"), top.table("exec")
    files, limits = top.table("files"), top.table("limits")
    access = {kind.name.lower(): kind for kind in Files}
    policy = Policy(
        file=file,
        engines=top.texts("engines", '["unix:///var/run/docker.sock"]'),
        include=containers.texts("include", _NAMES),
        exclude=containers.texts("exclude", _NAMES) or (),
        labels=containers.texts("labels", '["org.example.lab=1"]') or (),
        switching=containers.flag("switching", default=True),
        restart=containers.flag("restart", default=True),
        users=execs.texts("users", '["student"], or ["@own"] for the container\'s own'),
        privileged=execs.flag("privileged", default=True),
        detach=execs.flag("detach", default=True),
        local_files=files.flag("local", default=True),
        container_files=access.get(files.choice("container", list(access), "")),
        timeout=limits.number("timeout", above=0, right="seconds, more than 0"),
        output=limits.whole_number("output", least=1, right="a whole number of bytes, at least 1"),
        log=limits.whole_number("log", least=0, right="a whole number of bytes, or 0 for no log"),
    )
    for table in (top, containers, execs, files, limits):
        table.end()
    if problems:
        raise PolicyUnusable.of(file, problems)
    return policy
