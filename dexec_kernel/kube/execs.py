"""Execs in pods: started with what Kubernetes' exec lacks, remembered, and looked after."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from dexec_kernel.backend.models import ExecConfig, ExecInspect, ExecState
from dexec_kernel.errors import (
    CommandNotStarted,
    ConfigurationError,
    ContainerNotRunning,
    DexecError,
    EngineUnavailable,
    ExecNotFound,
    StreamCutOff,
    StreamFault,
)
from dexec_kernel.kube import oom
from dexec_kernel.kube.api import KubeApi
from dexec_kernel.kube.boot import Boot, boot, carried, carrier, needs_boot
from dexec_kernel.kube.exec import Facts, KubeExec, new_id
from dexec_kernel.kube.names import PodName
from dexec_kernel.shell.marks import new_mark

_log = logging.getLogger(__name__)
_NOT_FOUND = 404
#: What is longer is no PID.
_pid = re.compile("[0-9]{1,10}")
#: How many execs are remembered, the latest.
_MOST = 500
#: In seconds: for a detached command to start, and for a look into a container.
_START_TIMEOUT, _LOOK_TIMEOUT = 10.0, 15.0
_IS_ALIVE = "[ -d /proc/{pid} ] && echo alive; echo looked"
#: No image has it: an answer that says so proves that the node's kubelet answers.
_NO_COMMAND = "/dexec-kernel-asks-whether-this-node-answers"


class KubeExecs:
    """The execs of one client."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._facts: OrderedDict[str, Facts] = OrderedDict()
        self._open: set[KubeExec] = set()
        self._oom_kills = oom.OomKills()

    def close(self) -> None:
        """Close the connections."""
        for attached in list(self._open):
            attached.close()

    async def start(
        self, name: PodName, config: ExecConfig, created: Callable[[str], None]
    ) -> KubeExec:
        """Start a command, attached. The caller closes it. ``name`` is whole."""
        check(config)
        if not needs_boot(config):
            plain = Boot(list(config.cmd))
            return await self._attach(name, config, plain, created, stdin=config.attach_stdin)
        mark = new_mark()
        if not config.tty:
            return await self._attach(name, config, boot(config, mark), created, stdin=True)
        holder, pid = await self._carry(name, config, mark)
        try:
            attached = await self._attach(
                name, config, carried(config, mark, pid), created, stdin=config.attach_stdin
            )
        except BaseException:
            holder.close()
            raise
        attached.on_close(holder.close)
        return attached

    async def start_detached(
        self, name: PodName, config: ExecConfig, created: Callable[[str], None]
    ) -> ExecInspect:
        """Start a command, and leave it: closing the connection ends nothing."""
        config = config.detached()
        check(config)
        if needs_boot(config):
            program = boot(config, new_mark(), detached=True)
        else:
            program = Boot(list(config.cmd))
        attached = await self._attach(name, config, program, created, stdin=bool(program.program))
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                await attached.started()
        except TimeoutError:
            pass  # It was told to start, and no more is known.
        finally:
            attached.close()
        return await attached.inspect()

    async def attach(self, name: PodName, *, stdin: bool, tty: bool) -> KubeExec:
        """Join a container's main process. The caller closes the connection."""
        config = ExecConfig((), attach_stdin=stdin, tty=tty)
        return await self._attach(name, config, Boot([]), lambda _: None, stdin=stdin)

    async def inspect(self, exec_id: str) -> ExecInspect:
        """Return what is known of an exec. Raises :class:`ExecNotFound`."""
        facts = self._facts.get(exec_id)
        if facts is None:
            raise ExecNotFound(
                "Kubernetes does not list execs, and this kernel does not know it.",
                status=_NOT_FOUND,
            )
        is_open = any(attached.id == exec_id for attached in self._open)
        if facts.state is ExecState.RUNNING and not is_open and facts.inner_pid is not None:
            is_alive = await self._is_alive(PodName.parse(facts.container), facts.inner_pid)
            if is_alive is False:
                # How it ended was told on a stream that nobody has read.
                facts.state = ExecState.EXITED
        return facts.inspect()

    async def _attach(
        self,
        name: PodName,
        config: ExecConfig,
        program: Boot,
        created: Callable[[str], None],
        *,
        stdin: bool,
    ) -> KubeExec:
        facts = Facts(new_id(), name.id)
        self._facts[facts.id] = facts
        while len(self._facts) > _MOST:
            self._facts.popitem(last=False)
        stream, version, rest = await self._api.open_exec(
            *(name, program.command),
            stdin=stdin,
            tty=config.tty,
            unanswered=partial(created, facts.id),
        )
        created(facts.id)

        async def prove(pid: int | None) -> bool | None:
            return await self._is_alive(name, pid)

        attached = KubeExec(
            *(stream, version, facts),
            command=config.cmd,
            name=str(name),
            boot=program,
            tty=config.tty,
            prove=prove,
            counted=partial(self._counted, name),
        )
        self._open.add(attached)
        attached.on_close(lambda: self._open.discard(attached))
        try:
            attached.receive(rest)
            with suppress(EngineUnavailable):  # The end of the stream tells why.
                if config.tty and config.console_size is not None:
                    await attached.resize(config.console_size)
                if program.program:
                    await attached.write(program.program.encode())
        except BaseException:
            attached.close()
            raise
        return attached

    async def _carry(self, name: PodName, config: ExecConfig, mark: str) -> tuple[KubeExec, int]:
        """Have a shell hold the program of a command with a terminal; return it and its PID."""
        word = new_mark().replace(":", "")
        plain = carrier(config, mark, word)
        holder = await self._attach(
            name, plain, boot(plain, new_mark()), lambda _: None, stdin=True
        )
        said = b""
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                while not said.endswith(b"\n") and (frames := await holder.read()):
                    said += b"".join(frame.data for frame in frames)
            found = said.decode("ascii", "replace").split()
            if len(found) == 2 and found[0] == word and _pid.fullmatch(found[1]):  # noqa: PLR2004 -- WORD PID
                return holder, int(found[1])
            error = holder.why_not_started(await holder.inspect(), said)
        except TimeoutError:
            error = None
        except BaseException:
            holder.close()
            raise
        holder.close()
        raise error or CommandNotStarted(
            "The command was not started: its terminal could not be set up.",
            exit_code=None,
            engine_text=said.decode("utf-8", "replace"),
            advice="Without -t it may run.",
        )

    async def _is_alive(self, name: PodName, pid: int | None) -> bool | None:
        """Return whether a process lives; None where nothing proves either.

        Without a PID it is whether the node's kubelet answers: one that does has told the truth.
        """
        command = [_NO_COMMAND] if pid is None else ["sh", "-c", _IS_ALIVE.format(pid=pid)]
        try:
            said, error = await self._look(name, command)
        except (DexecError, TimeoutError) as fault:
            _log.info("Nothing proves the end of an exec in %s: %s", name, fault)
            return None
        if pid is None:
            return None if error is None else False
        if b"looked" not in said:
            return None
        return b"alive" in said

    async def oom_kills_since(self, name: PodName, since: float) -> bool:
        """Return whether a process of a container that runs was killed for want of memory.

        ``since`` is in epoch seconds. False where the container has no shell that tells, or no
        exec before has told. Raises :class:`ContainerNotRunning` for one that does not run, or
        seems to have ended meanwhile.
        """
        try:
            said, error = await self._look(name, ["sh", "-c", oom.LOOK])
        except TimeoutError:
            return False
        except (StreamCutOff, StreamFault) as fault:
            raise ContainerNotRunning.of(str(name)) from fault
        is_shell_there = error is None or not error.missing_command
        if not said and is_shell_there:
            # It was ended before or while it was looked into; a runtime that has not noticed yet
            # fails in ways of its own.
            raise ContainerNotRunning.of(str(name)) from error
        if (count := oom.looked(said)) is None:
            return False
        self._counted(name, count)
        return self._oom_kills.any_since(name.id, since)

    def _counted(self, name: PodName, count: int) -> None:
        self._oom_kills.add(name.id, time.time(), count)

    async def _look(
        self, name: PodName, command: list[str]
    ) -> tuple[bytes, CommandNotStarted | None]:
        """Return what a short command prints, and why it was not started."""
        said = b""
        async with asyncio.timeout(_LOOK_TIMEOUT):
            attached = await self._attach(
                name, ExecConfig(command), Boot(command), lambda _: None, stdin=False
            )
            try:
                while frames := await attached.read():
                    said += b"".join(frame.data for frame in frames)
                return said, attached.why_not_started(await attached.inspect(), b"")
            finally:
                attached.close()
                self._facts.pop(attached.id, None)


def check(config: ExecConfig) -> None:
    """Raise :class:`ConfigurationError` for what Kubernetes' exec cannot do, with the reason."""
    config.check()
    if config.user:
        raise ConfigurationError(
            f"The command cannot run as {config.user!r}: Kubernetes' exec knows no users, and runs"
            " everything as the container's own.",
            advice="In the cell, `su` or `setpriv` changes the user where the image has it.",
        )
    if config.privileged:
        raise ConfigurationError(
            "The command cannot be privileged: Kubernetes' exec gives no more rights than the"
            " container has.",
            advice="`kubectl debug` starts a container with other rights in the same pod.",
        )
