"""Keys of Compose, and of other tables, that a table of ``lab.toml`` has not. No I/O.

Each text says what to write instead: the end of a sentence that says that there is no such key.
"""

from __future__ import annotations

_AT_THE_TOP = "write it at the top of the file, above every [table]"
_IN_A_TASK = "a task has it: write it below [tasks.NAME]"
_IN_A_CONTAINER = "a container has it: write it below [container]"
_ROOT = "cap_add, and capabilities of [lab], say what root may do"
_LIMITS = "mem_limit, cpus and pids_limit are the limits"
_NAME = "the name is that of the table: [containers.NAME]"
_NETWORK = 'network_mode = "bridge" is a network of the lab\'s own'
_PORTS = 'no port leaves the lab: cells reach it, and checks with where = "beside"'

#: At the top of the file.
TOP = {
    "name": "title is the name that people read; the folder's is the lab's",
    "services": "write a table for each container: [containers.NAME]",
    "version": "leave it out",
    "volumes": f"{_IN_A_CONTAINER}; it makes them, too",
    "networks": _NETWORK,
    "task": "write a table for each task: [tasks.NAME]",
    **dict.fromkeys(("image", "command", "user"), _IN_A_CONTAINER),
    **dict.fromkeys(("points", "files", "where"), _IN_A_TASK),
    **dict.fromkeys(("time", "idle", "at_idle", "capabilities", "keep"), "write it below [lab]"),
}

#: In a container's table.
CONTAINER = {
    "title": _AT_THE_TOP,
    "build": "image names an image that was built before",
    "container_name": _NAME,
    "entrypoint": "command follows the image's own entrypoint",
    "hostname": _NAME,
    "restart": "a container that has stopped is started again by the next cell",
    "env_file": "environment has the variables themselves",
    **dict.fromkeys(("env", "env_vars"), "environment has the variables"),
    **dict.fromkeys(("memory", "mem", "mem_reservation", "memswap_limit"), "mem_limit is the key"),
    **dict.fromkeys(("deploy", "ulimits"), _LIMITS),
    **dict.fromkeys(("ports", "expose"), _PORTS),
    **dict.fromkeys(("networks", "network", "links"), _NETWORK),
    **dict.fromkeys(("privileged", "cap_drop", "security_opt", "devices"), _ROOT),
    **dict.fromkeys(("time", "idle", "keep", "capabilities"), "write it below [lab]"),
}

#: In ``[lab]``.
LAB = {
    "title": _AT_THE_TOP,
    **dict.fromkeys(("points", "timeout", "files", "hints_after"), _IN_A_TASK),
    **dict.fromkeys(("image", "mem_limit", "cpus", "pids_limit", "user"), _IN_A_CONTAINER),
}

#: In a task's table.
TASK = {
    **dict.fromkeys(("check", "script"), "checks/NAME.sh is the check of the task NAME"),
    **dict.fromkeys(("solution", "solve"), "solutions/NAME.sh is the solution of the task NAME"),
    **dict.fromkeys(("hint", "hints"), "hints/NAME.md has the hints for the task NAME"),
}
