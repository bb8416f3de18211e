"""A cell as the command of one exec."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from dexec_kernel.backend.models import ConsoleSize, ExecConfig, ExecDefaults
from dexec_kernel.cells.source.options import CellOptions
from dexec_kernel.errors import CommandNotStarted
from dexec_kernel.shell.commands import (
    DriverOptions,
    Shell,
    driver_arguments,
    driver_command,
    driver_environment,
    driver_stdin,
)
from dexec_kernel.shell.language.words import command_line
from dexec_kernel.shell.marks import Marks, new_mark
from dexec_kernel.shell.state import ShellState, exporting, has_folder

#: In bytes: a connection takes as much, whether or not the process reads it.
_SHORT = 32 * 1024
#: Comments, then ``cd /…`` with nothing in the folder that could be empty.
_exec = re.compile(r"\bexec\b")
_cd = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*cd[ \t]+(?:--[ \t]+)?[\"']?/")


@dataclass(frozen=True, slots=True)
class Command:
    """What one exec runs.

    ``stdin`` is sent and, unless ``keeps_stdin``, ended; None where the command gets none.
    ``in_band`` makes what is sent instead where the connection cannot end it, as hardly any
    cannot; None where nothing else will do.
    ``marks`` are those of a driver, None for a command without one. ``tells_end`` where its shell
    says that it ends, with its state if the session keeps it; a command of its own replaces the
    shell. ``may_exec`` where a cell's own ``exec`` may do so: bash says nothing more even where the
    program cannot be executed. A terminal's size is in ``config``.
    """

    config: ExecConfig
    stdin: bytes | None = None
    marks: Marks | None = None
    keeps_stdin: bool = False
    tells_end: bool = False
    may_exec: bool = False
    in_band: Callable[[], bytes] | None = None

    @property
    def is_sent_at_once(self) -> bool:
        """Whether ``stdin`` is sent whole before anything of the output is read."""
        waits = self.keeps_stdin or self.config.tty
        return not waits and len(self.stdin or b"") <= _SHORT

    def input(self, *, half_closes: bool) -> bytes:
        """Return what is sent, which says where it ends if the connection does not half-close.

        Raises :class:`CommandNotStarted` where neither can.
        """
        if half_closes or self.keeps_stdin:
            return self.stdin or b""
        if self.in_band is None:
            raise CommandNotStarted(
                "The command was not given its input: this engine cannot end it, and the command"
                " would wait for more.",
                exit_code=None,
                engine_text="",
                short_reason="no end of input",
                advice="A Kubernetes cluster can from 1.31 on; before, a shell in the image can.",
            )
        return self.in_band()

    def with_defaults(self, defaults: ExecDefaults) -> Command:
        """Return the command with the user and folder of ``defaults`` where it names none."""
        return replace(self, config=self.config.with_defaults(defaults))


def changes_session(options: CellOptions) -> bool:
    """Return whether a cell with these options hands its state to the next.

    A cell that runs as somebody else, elsewhere or with other variables begins with the session's
    state and leaves it as it was.
    """
    return not (
        options.user
        or options.workdir
        or options.env
        or options.tty
        or options.privileged
        or options.command
        or options.detach
    )


def may_use_standby(options: CellOptions) -> bool:
    """Return whether a shell that was started before the cell was known can run it."""
    return not (
        options.user or options.workdir or options.tty or options.privileged or options.detach
    )


def standby_config(shell: Shell, state: ShellState | None, marks: Marks) -> ExecConfig:
    """Return what starts a shell that waits on its stdin for a cell."""
    options = DriverOptions(keep=True, standby=True)
    env = driver_environment(marks, state, options, folder=state.folder if state else "")
    in_root = has_folder(state)
    return ExecConfig(driver_command(shell), attach_stdin=True, env=env, in_root=in_root)


def standby_command(
    config: ExecConfig,
    marks: Marks,
    update: bytes,
    source: str,
    options: CellOptions,
    *,
    may_ask: bool,
) -> Command:
    """Return what a standby, started with ``config`` and ``marks``, is sent to run a cell.

    ``update`` brings its state up to date.
    """
    script = _script(source, options)
    if exports := _exports(options):
        update += f"\n__dexec_late=$__dexec_late{shlex.quote(exports)}".encode()
    if goes_elsewhere(script):
        update += b"\n__dexec_gone=1"
    stdin = driver_stdin(script, marks, update) + _body(source, options)
    keeps = _keeps_stdin(options, may_ask=may_ask)
    return Command(
        config,
        stdin,
        marks,
        keeps,
        tells_end=not options.command,
        may_exec=may_exec(script),
        in_band=partial(_in_band, source, options, marks, update),
    )


def build_command(
    shell: Shell,
    source: str,
    options: CellOptions,
    state: ShellState | None,
    *,
    stdin_passes: bool,
    console_size: ConsoleSize,
    may_ask: bool = False,
    history: bytes = b"",
    in_root: bool = False,
) -> Command | None:
    """Return what runs a cell; None for an empty cell without a shell.

    ``stdin_passes`` is False where a proxy before the engine passes no stdin on, ``may_ask`` True
    where somebody can be asked for input: stdin stays open then. That of a command ends with the
    body, and an image without a shell cannot tell who waits, unless ``-i`` says so. ``history`` is
    evaluated before the cell. ``in_root`` for a cell that goes to another folder by itself, where
    the container's own is gone. Raises :class:`ConfigurationError` for a cell that cannot be run
    this way, and :class:`CellSyntaxError` for one that is no command line where there is no shell.
    """
    body = _body(source, options)
    forced = may_ask and options.interactive
    keeps = _keeps_stdin(options, may_ask=may_ask)
    if shell is Shell.NONE:
        words = list(options.command) or command_line(source)
        # A terminal's Ctrl-C goes there.
        types = forced or (options.tty and stdin_passes)
        stdin = body if options.command or types else None
        config = _config(words, options, dict(options.env), console_size, stdin=stdin is not None)
        return Command(config, stdin, keeps_stdin=forced) if words else None
    takes_stdin = stdin_passes and not options.tty
    marks = Marks.new(stdin=takes_stdin)
    script = _script(source, options)
    tells_end = not options.command
    env = driver_environment(
        marks,
        state,
        DriverOptions(
            keep=changes_session(options),
            waits=options.tty,
            other_user=bool(options.user),
            may_be_elsewhere=goes_elsewhere(script),
        ),
        folder=state.folder if state and not options.workdir else "",
        exports=_exports(options),
    )
    in_root = not options.workdir and (in_root or has_folder(state))
    command = driver_command(shell)
    if takes_stdin:
        config = _config(command, options, env, console_size, stdin=True, in_root=in_root)
        stdin = driver_stdin(script, marks, history) + body
        in_band = partial(_in_band, source, options, marks, history)
        return Command(config, stdin, marks, keeps, tells_end, may_exec(script), in_band)
    command += driver_arguments(script)
    if not options.tty:
        config = _config(command, options, env, console_size, stdin=False, in_root=in_root)
        return Command(config, None, marks, tells_end=tells_end, may_exec=may_exec(script))
    # A terminal would echo the cell, and cut its long lines: only what the cell reads goes there.
    config = _config(command, options, env, console_size, stdin=True, in_root=in_root)
    return Command(config, body, marks, keeps, tells_end, may_exec(script))


def build_detached(
    shell: Shell, source: str, options: CellOptions, state: ShellState | None
) -> Command | None:
    """Return what runs a cell that nobody waits for; None for an empty cell without a shell.

    The engine itself enters the session's folder and finds a command, because nobody would read a
    shell's report that it cannot. Raises :class:`ConfigurationError` for a cell that is too long.
    """
    script = _script(source, options)
    folder = options.workdir or (state.folder if state else "")
    if options.command or shell is Shell.NONE:
        words = list(options.command) or command_line(source)
        env = _exported(state, options) | dict(options.env)
    else:
        # The engine has entered the folder: what the driver's own cd says is no reason to stop.
        driver = DriverOptions(other_user=bool(options.user), may_be_elsewhere=True)
        env = driver_environment(
            Marks.new(stdin=False),
            state,
            driver,
            folder="" if options.workdir else folder,
            exports=_exports(options),
        )
        words = driver_command(shell) + driver_arguments(script, why="A detached one has no stdin")
        if goes_elsewhere(script):
            folder = options.workdir
    if not words:
        return None
    config = ExecConfig(
        words, env=env, working_dir=folder, user=options.user, privileged=options.privileged
    )
    return Command(config.detached())


def _exported(state: ShellState | None, options: CellOptions) -> dict[str, str]:
    """Return the session's environment for a command that no shell of ours starts."""
    # Another user has a home of its own; a shell would set the folders' names.
    others = {"HOME"} if options.user else set()
    if options.workdir:
        others |= {"PWD", "OLDPWD"}
    exported = state.exported if state else {}
    return {name: value for name, value in exported.items() if name not in others}


def may_exec(script: str) -> bool:
    """Return whether a cell may replace its shell by a program."""
    return _exec.search(script) is not None


def goes_elsewhere(script: str) -> bool:
    """Return whether a cell begins with ``cd`` to an absolute folder, so that it needs no other."""
    return _cd.match(script) is not None


def _script(source: str, options: CellOptions) -> str:
    """Return what the shell runs. Lines that end as Windows has it end as shells have it."""
    if options.command:
        return f"exec {shlex.join(options.command)}"
    return source.replace("\r\n", "\n")


def _in_band(source: str, options: CellOptions, marks: Marks, update: bytes) -> bytes:
    """Return what a shell is sent whose stdin cannot be ended: it hands a body over itself."""
    script = _script(source, options)
    if options.command:
        end = new_mark()
        line = "" if not source or source.endswith("\n") else "\n"
        script = f"{script} <<'{end}'\n{source}{line}{end}"
    return driver_stdin(script, marks, update, ends=True)


def _body(source: str, options: CellOptions) -> bytes:
    """Return what the cell's command gets on its stdin."""
    return source.encode() if options.command else b""


def _keeps_stdin(options: CellOptions, *, may_ask: bool) -> bool:
    return may_ask and (options.interactive or not options.command)


def _config(
    command: list[str],
    options: CellOptions,
    env: dict[str, str],
    console_size: ConsoleSize,
    *,
    stdin: bool,
    in_root: bool = False,
) -> ExecConfig:
    return ExecConfig(
        command,
        attach_stdin=stdin,
        tty=options.tty,
        env=env,
        working_dir=options.workdir,
        in_root=in_root,
        user=options.user,
        privileged=options.privileged,
        console_size=console_size if options.tty else None,
    )


def _exports(options: CellOptions) -> str:
    return "".join(f"\n{exporting(name, value)}" for name, value in options.env.items())
