"""``%env``, ``%reset`` and ``%timeout``: what holds from cell to cell."""

from __future__ import annotations

from argparse import Namespace

from dexec_kernel.backend.targets import require_running
from dexec_kernel.cells.source.parser import MagicParser, seconds
from dexec_kernel.display.table import line_data, table_data
from dexec_kernel.errors import CellSyntaxError
from dexec_kernel.magics.context import MagicContext
from dexec_kernel.magics.registry import Magic
from dexec_kernel.shell.describe import is_secret
from dexec_kernel.shell.environment import exported_values

#: Set by the shell itself, and of no interest.
_OWN = frozenset({"OLDPWD", "PWD", "SHLVL", "_"})
_HIDDEN = "(not shown: its name looks like that of a secret)"


async def _env(context: MagicContext, arguments: Namespace) -> None:
    container = await context.container()
    found = dict(word.split("=", 1) for word in arguments.assignments)
    if found:
        session = (await context.workspace(container)).session
        if session.state is not None:
            session.state.check_may_set(found)
        for name, value in found.items():
            session.set_variable(name, value)
        context.show(line_data([f"Set for the cells in {container.name}: {', '.join(found)}."]))
        return
    require_running(container)
    workspace = await context.workspace(container)
    printed = await workspace.ask("environment.sh")
    base = exported_values((printed or "").encode("utf-8", "surrogateescape"))
    state = workspace.state
    ours = dict(state.exported) if state is not None else dict(base)
    if state is not None and not state.variables:  # Only %env has set something by now.
        ours = {**base, **ours}
    rows = [
        (name, _shown(name, ours[name]) if name in ours else "(unset)")
        for name in sorted({*base, *ours} - _OWN)
        if base.get(name) != ours.get(name)
    ]
    if rows:
        context.show(table_data(("Variable", "Value"), rows))
    else:
        context.show(line_data(["The environment is the container's own."]))


def _shown(name: str, value: str) -> str:
    return _HIDDEN if is_secret(name) else value


async def _reset(context: MagicContext, _arguments: Namespace) -> None:
    container = await context.container()
    (await context.workspace(container)).session.reset()
    context.show(line_data([f"Forgotten. The next cell in {container.name} begins afresh."]))


async def _timeout(context: MagicContext, arguments: Namespace) -> None:
    if arguments.seconds is not None:
        context.policy.check_timeout_magic(arguments.seconds)
        context.settings.timeout = arguments.seconds
    limit = context.policy.cell_timeout(None, context.settings.timeout)
    context.show(
        line_data([f"Cells are ended after {limit:g} s." if limit else "Cells have no time limit."])
    )


def _check_assignments(arguments: Namespace) -> None:
    for word in arguments.assignments:
        name, equals, _value = word.partition("=")
        is_name = name.isidentifier() and name.isascii()
        if not equals:
            advice = _parser_env().usage_line
            if is_name:
                advice += f'\nA value is shown by: echo "${name}"'
            raise CellSyntaxError(f"%env: {word!r} is not NAME=VALUE.", advice=advice)
        if not is_name:
            raise CellSyntaxError(
                f"%env: {name!r} cannot be the name of a variable.",
                advice="A name has ASCII letters, digits and _, and begins with no digit.",
            )


def _parser_env() -> MagicParser:
    parser = MagicParser(
        "%env",
        "Without arguments: show the differences between the session's environment and the\n"
        "container's own. With NAME=VALUE: set a variable for the following cells. Values of\n"
        "variables whose names look like a secret's are not shown.",
        check=_check_assignments,
    )
    parser.add_argument("assignments", metavar="NAME=VALUE", nargs="*", help="the variable to set")
    return parser


def _parser_timeout() -> MagicParser:
    parser = MagicParser(
        "%timeout",
        "End every cell that takes longer, from here on, as an interrupt does. Without a\n"
        "number, show the limit. %%exec --timeout S is for one cell.",
    )
    parser.add_argument(
        "seconds", metavar="S", nargs="?", type=seconds, help="in seconds; 'off' or 0 for none"
    )
    return parser


MAGICS = (
    Magic("env", "show or set the session's environment variables", _parser_env(), _env),
    Magic(
        "reset",
        "forget folder, variables, functions and options",
        MagicParser(
            "%reset",
            "Forget this container's session: folder, variables, functions, aliases, options.\n"
            "Files and processes stay.",
        ),
        _reset,
    ),
    Magic("timeout", "end cells that take longer than S seconds", _parser_timeout(), _timeout),
)
