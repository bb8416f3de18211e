"""A policy's settings, and what each allows. No I/O.

A setting that is missing limits nothing. Each refusal is a :class:`PolicyRefused`, which names the
setting and the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Protocol

from dexec_kernel.backend.targets import Named, bound_name, plain_name
from dexec_kernel.errors import PolicyRefused

#: In the list of users: the user whom the image or ``docker run -u`` names.
OWN_USER = "@own"
#: In seconds: under a time ceiling no setting may put SIGTERM and SIGKILL off for longer.
MOST_GRACE = 10.0
#: The history that outlives no kernel.
MEMORY = ":memory:"

_ROOT = frozenset({"", "0", "root"})


class Files(IntEnum):
    """Which copying of files between a container and the kernel is allowed."""

    NONE = 0
    READ = 1
    WRITE = 2


class Asked(Protocol):
    """The kernel's settings that a policy looks at."""

    timeout: float
    interrupt_grace: float
    output_limit: int
    log_limit: int
    history_file: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings. ``file`` is "" where there is no policy; ``advice`` says who sets it.

    ``timeout`` is in seconds, ``output`` and ``log`` in bytes. ``container_files`` is None where
    ``users`` decides: the engine copies files as root.
    """

    file: str = ""
    engines: tuple[str, ...] | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    switching: bool = True
    restart: bool = True
    users: tuple[str, ...] | None = None
    privileged: bool = True
    detach: bool = True
    local_files: bool = True
    container_files: Files | None = None
    timeout: float | None = None
    output: int | None = None
    log: int | None = None
    advice: str = ""

    # --- where --------------------------------------------------------------------------------

    def check_engine(self, url: str) -> None:
        """Raise for an engine that kernels may not use."""
        if self.engines is not None and url not in self.engines:
            raise self.refused("engines", f"The engine {url} may not be used.")

    def check_container(self, container: Named) -> None:
        """Raise for a container that no cell may reach, whatever it asks of it."""
        names = _names_of(container)
        if self.include is not None and not _fits(names, self.include):
            key = "containers.include"
        elif _fits(names, self.exclude):
            key = "containers.exclude"
        elif not all(_has(container, label) for label in self.labels):
            key = "containers.labels"
        else:
            return
        raise self.refused(key, f"The container {container.name!r} may not be used.")

    def allows(self, container: Named) -> bool:
        """Return whether cells may reach a container."""
        try:
            self.check_container(container)
        except PolicyRefused:
            return False
        return True

    def check_restart(self, container: str) -> None:
        """Raise where no container may be restarted."""
        if not self.restart:
            raise self.refused(
                "containers.restart", f"The container {container!r} may not be restarted."
            )

    # --- how ----------------------------------------------------------------------------------

    def check_exec(self, container: str, user: str, own: str, *, privileged: bool) -> None:
        """Raise for an exec as ``user``; ``own`` is the container's, for which "" is root."""
        self.check_user(container, user or own, own)
        if privileged and not self.privileged:
            raise self.refused("exec.privileged", "No cell may run with --privileged.")

    def check_user(self, container: str, user: str, own: str) -> None:
        """Raise for a user whom the list does not name as it is written, with the group."""
        if not self._has_user(user, own):
            allowed = ", ".join(self.users or ()) or "nobody"
            raise self.refused(
                "exec.users",
                f"Nothing may run as {user or 'root'!r} in the container {container!r}:"
                f" allowed is {allowed}.",
            )

    def check_detached(self) -> None:
        """Raise where nothing may outlive its cell (``%%exec -d``)."""
        if not self.detach:
            raise self.refused("exec.detach", "No command may be started detached.")
        if self.timeout is not None:
            raise self.refused(
                "limits.timeout", "A detached command has no time limit, so that none may start."
            )

    def check_files(self, container: str, own: str, wanted: Files) -> None:
        """Raise where the files of a container may not be read or written through the engine."""
        allowed, key = self.container_files, "files.container"
        if allowed is None:
            key = "exec.users"
            allowed = Files.WRITE if self._has_user("", own) else Files.NONE
        if wanted > allowed:
            verb = "read from" if wanted is Files.READ else "written into"
            why = ", because the engine copies as root" if key == "exec.users" else ""
            raise self.refused(
                key, f"No file may be {verb} the container {container!r} by copying{why}."
            )

    def check_local_files(self, what: str) -> None:
        """Raise where the files of the kernel's machine are out of reach; ``what`` begins it."""
        if not self.local_files:
            raise self.refused(
                "files.local", f"{what} reads or writes files of the kernel's machine."
            )

    # --- how much -----------------------------------------------------------------------------

    def check_settings(self, settings: Asked, defaults: Asked) -> None:
        """Raise for a setting of the kernel that is above a ceiling.

        Those at their ``defaults`` are lowered instead.
        """
        self.check_history(settings.history_file)
        if self.timeout is not None:
            if settings.timeout != defaults.timeout:
                self._check_timeout("The setting timeout", settings.timeout)
            if not 0 <= settings.interrupt_grace <= MOST_GRACE:
                raise self.refused(
                    "limits.timeout",
                    f"The setting interrupt_grace is {settings.interrupt_grace:g} s, and may be at"
                    f" most {MOST_GRACE:g} s.",
                )
        if settings.output_limit != defaults.output_limit:
            asked = settings.output_limit
            if self.output is not None and not 0 < asked <= self.output:
                raise self.refused(
                    "limits.output",
                    f"The setting output_limit is {asked or 'off'}, and may be at most"
                    f" {self.output} bytes.",
                )
        if settings.log_limit not in {defaults.log_limit, 0}:
            if not self.local_files:
                self.check_local_files("The log of long output (log_limit)")
            if self.log is not None and settings.log_limit > self.log:
                raise self.refused(
                    "limits.log",
                    f"The setting log_limit is {settings.log_limit}, and may be at most"
                    f" {self.log} bytes.",
                )

    def check_history(self, file: str) -> None:
        """Raise for a history in a file that a setting names."""
        if file not in {"", MEMORY}:
            self.check_local_files(f"The setting history_file ({file})")

    def cell_timeout(self, asked: float | None, setting: float) -> float | None:
        """Return a cell's time limit in seconds, None for none; ``asked`` is the cell's own."""
        if asked is not None:
            self._check_timeout("--timeout", asked)
        limit = setting if asked is None else asked
        return limit or self.timeout  # 0 is no limit.

    def check_timeout_magic(self, seconds: float) -> None:
        """Raise for a ``%timeout`` above the ceiling."""
        self._check_timeout("%timeout", seconds)

    def output_limit(self, setting: int) -> int:
        """Return how many bytes of a cell's output may reach the notebook, 0 for all."""
        return setting if self.output is None else min(setting or self.output, self.output)

    def log_limit(self, setting: int) -> int:
        """Return how many bytes of a cell's output may be logged, 0 for none."""
        if not self.local_files:
            return 0
        return setting if self.log is None else min(setting, self.log)

    def notify_command(self, setting: str) -> str:
        """Return the program that is told of long cells, "" for none of the user's."""
        return setting if self.local_files else ""

    # ------------------------------------------------------------------------------------------

    def refused(self, setting: str, text: str) -> PolicyRefused:
        """Return the error for what a setting does not allow."""
        return PolicyRefused.by(setting, self.file, text, advice=self.advice)

    def described(self) -> list[str]:
        """Return the settings that limit something, a line each, as they are in the file."""
        unlimited = Policy(file=self.file)
        lines = []
        for name, key in KEYS.items():
            value = getattr(self, name)
            if value == getattr(unlimited, name):
                continue
            if isinstance(value, Files):
                value = value.name.lower()
            shown = ", ".join(value) if isinstance(value, tuple) else value
            lines.append(f"{key} = {str(shown).lower() if isinstance(shown, bool) else shown}")
        return lines

    def _check_timeout(self, what: str, asked: float) -> None:
        # Neither a number that is none (nan) nor "off" is within a ceiling.
        if self.timeout is not None and not 0 < asked <= self.timeout:
            raise self.refused(
                "limits.timeout",
                f"{what} is {f'{asked:g} s' if asked else 'off'}, and may be at most"
                f" {self.timeout:g} s.",
            )

    def _has_user(self, user: str, own: str) -> bool:
        if self.users is None:
            return True
        if OWN_USER in self.users and (user == own or {user, own} <= _ROOT):
            return True
        if user in _ROOT:
            return not _ROOT.isdisjoint(self.users)
        return user in self.users and user != OWN_USER


#: The settings by their keys in the file.
KEYS = {
    "engines": "engines",
    "include": "containers.include",
    "exclude": "containers.exclude",
    "labels": "containers.labels",
    "switching": "containers.switching",
    "restart": "containers.restart",
    "users": "exec.users",
    "privileged": "exec.privileged",
    "detach": "exec.detach",
    "local_files": "files.local",
    "container_files": "files.container",
    "timeout": "limits.timeout",
    "output": "limits.output",
    "log": "limits.log",
}


def _names_of(container: Named) -> tuple[str, ...]:
    return container.name, plain_name(bound_name(container))


def _fits(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _has(container: Named, wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in container.labels and (not equals or container.labels[key] == value)
