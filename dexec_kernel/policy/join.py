"""Two policies at once: the stricter of both in everything. No I/O.

Each keeps its own words: a refusal names the setting and the file of the policy that refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dexec_kernel.backend.targets import Named
from dexec_kernel.errors import PolicyRefused
from dexec_kernel.policy.rules import Asked, Files, Policy

_N = TypeVar("_N", int, float)


@dataclass(frozen=True, slots=True)
class Joined(Policy):
    """What every one of ``parts`` allows. Its own settings are the strictest, to be read."""

    parts: tuple[Policy, ...] = ()

    def check_engine(self, url: str) -> None:
        """Raise for an engine that kernels may not use."""
        for part in self.parts:
            part.check_engine(url)

    def check_container(self, container: Named) -> None:
        """Raise for a container that no cell may reach."""
        for part in self.parts:
            part.check_container(container)

    def check_restart(self, container: str) -> None:
        """Raise where no container may be restarted."""
        for part in self.parts:
            part.check_restart(container)

    def check_exec(self, container: str, user: str, own: str, *, privileged: bool) -> None:
        """Raise for an exec as ``user``."""
        for part in self.parts:
            part.check_exec(container, user, own, privileged=privileged)

    def check_user(self, container: str, user: str, own: str) -> None:
        """Raise for a user whom a list does not name."""
        for part in self.parts:
            part.check_user(container, user, own)

    def check_detached(self) -> None:
        """Raise where nothing may outlive its cell."""
        for part in self.parts:
            part.check_detached()

    def check_files(self, container: str, own: str, wanted: Files) -> None:
        """Raise where the files of a container may not be read or written."""
        for part in self.parts:
            part.check_files(container, own, wanted)

    def check_local_files(self, what: str) -> None:
        """Raise where the files of the kernel's machine are out of reach."""
        for part in self.parts:
            part.check_local_files(what)

    def check_settings(self, settings: Asked, defaults: Asked) -> None:
        """Raise for a setting of the kernel that is above a ceiling."""
        for part in self.parts:
            part.check_settings(settings, defaults)

    def check_history(self, file: str) -> None:
        """Raise for a history in a file that a setting names."""
        for part in self.parts:
            part.check_history(file)

    def check_timeout_magic(self, seconds: float) -> None:
        """Raise for a ``%timeout`` above a ceiling."""
        for part in self.parts:
            part.check_timeout_magic(seconds)

    def cell_timeout(self, asked: float | None, setting: float) -> float | None:
        """Return a cell's time limit in seconds, None for none."""
        return _least(part.cell_timeout(asked, setting) for part in self.parts)

    def output_limit(self, setting: int) -> int:
        """Return how many bytes of a cell's output may reach the notebook, 0 for all."""
        return _least(part.output_limit(setting) or None for part in self.parts) or 0

    def log_limit(self, setting: int) -> int:
        """Return how many bytes of a cell's output may be logged, 0 for none."""
        return min((part.log_limit(setting) for part in self.parts), default=setting)

    def notify_command(self, setting: str) -> str:
        """Return the program that is told of long cells, "" for none of the user's."""
        return setting if all(part.notify_command(setting) for part in self.parts) else ""

    def refused(self, setting: str, text: str) -> PolicyRefused:
        """Return the error for what the first part does not allow that limits the setting."""
        name = setting.rpartition(".")[2]
        unlimited = Policy()
        limits = (
            part
            for part in self.parts
            if getattr(part, name, None) != getattr(unlimited, name, None)
        )
        part = next(limits, self.parts[0])
        return part.refused(setting, text)

    def described(self) -> list[str]:
        """Return the settings that limit something, a line each."""
        return [line for part in self.parts for line in part.described()]


def join(first: Policy, second: Policy) -> Policy:
    """Return the policy that allows what both allow."""
    parts = tuple(part for part in (first, second) if part.file)
    if len(parts) < 2:  # noqa: PLR2004 -- there is nothing to join
        return parts[0] if parts else first

    def every(value: Callable[[Policy], bool]) -> bool:
        return all(map(value, parts))

    return Joined(
        file=" and ".join(part.file for part in parts),
        switching=every(lambda part: part.switching),
        restart=every(lambda part: part.restart),
        privileged=every(lambda part: part.privileged),
        detach=every(lambda part: part.detach),
        local_files=every(lambda part: part.local_files),
        timeout=_least(part.timeout for part in parts),
        output=_least(part.output for part in parts),
        log=_least(part.log for part in parts),
        labels=_all(part.labels for part in parts),
        exclude=_all(part.exclude for part in parts),
        parts=parts,
    )


def _least(values: Iterable[_N | None]) -> _N | None:
    return min((value for value in values if value is not None), default=None)


def _all(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(item for items in lists for item in items)
