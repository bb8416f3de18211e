"""How many processes of a container the kernel has killed for want of memory. No I/O.

A pod's status tells of a container's main process alone. The container's own cgroup counts all.
Source: Linux, "Control Group v2", memory.events; "Memory Resource Controller", oom_kill.
"""

from __future__ import annotations

from collections import deque

#: Sets ``__dexec_o`` to the count, "" where nothing tells. Only builtins: it is part of each start.
COUNT = (
    "__dexec_o=;for __dexec_l in /sys/fs/cgroup/memory.events"
    " /sys/fs/cgroup/memory/memory.oom_control;do"
    " if [ -r $__dexec_l ];then while TMOUT= IFS=' ' read -r __dexec_k __dexec_v;do"
    " case $__dexec_k in oom_kill)__dexec_o=$__dexec_v;esac;done <$__dexec_l;fi;done;"
)
FORGET = "unset -v __dexec_o __dexec_l __dexec_k __dexec_v"
#: What an exec of its own prints.
LOOK = f"{COUNT}echo looked $__dexec_o"
#: How many counts are kept of one container: those of standbys come ahead of their cells.
_MOST = 32
#: A count has no more digits: what is longer is none.
_DIGITS = 18


def count_of(word: str) -> int | None:
    """Read a count; None for what is none."""
    return int(word) if word.isdecimal() and word.isascii() and len(word) <= _DIGITS else None


def looked(said: bytes) -> int | None:
    """Return the count that a look has printed; None where nothing tells."""
    word, _, count = said.decode("ascii", "replace").strip().partition(" ")
    return count_of(count) if word == "looked" else None


class OomKills:
    """What has been counted in the containers of one client, and when."""

    def __init__(self) -> None:
        self._counts: dict[str, deque[tuple[float, int]]] = {}

    def add(self, container: str, when: float, count: int) -> None:
        """Remember the count of a container at the time ``when``, in epoch seconds."""
        counts = self._counts.setdefault(container, deque(maxlen=_MOST))
        if counts and count < counts[-1][1]:
            counts.clear()  # A container that was restarted counts anew.
        counts.append((when, count))

    def any_since(self, container: str, when: float) -> bool:
        """Return whether the latest count is above the last one before ``when``.

        Where there is none before, the first one is taken: the exec that began then has told it.
        """
        counts = self._counts.get(container)
        if not counts:
            return False
        before = [count for moment, count in counts if moment <= when]
        return counts[-1][1] > (before[-1] if before else counts[0][1])
