"""``dexec-kernel lab install``: the kernelspec of a lab."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dexec_kernel.cli.terminal import complain, say
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.lab.lint import check_name, kernel_name, lint
from dexec_kernel.picker import kernelspecs

_OK = 0


def install_lab(options: argparse.Namespace) -> int:
    """Write the kernelspec of a lab; return the exit code.

    Raises :class:`ConfigurationError` for a lab with mistakes.
    """
    folder = Path(options.folder).absolute()
    check_name(folder.name)
    found = lint(folder)
    if found.lab is None or found.problems:
        count = len(found.problems)
        number = "a mistake" if count == 1 else f"{count} mistakes, the first of them"
        raise ConfigurationError(
            f"The lab has {number}: {found.problems[0]}.",
            advice=f"`dexec-kernel lab lint {options.folder}` shows all of them.",
        )
    spec = kernelspecs.lab_spec(
        folder,
        name=kernel_name(folder.name),
        title=found.lab.title,
        env=kernelspecs.engine_env(os.environ),
    )
    installed = kernelspecs.install(
        spec, user=options.user, prefix=options.prefix or "", replace=options.replace
    )
    remedy = f"remove that one: jupyter kernelspec remove {spec.name}"
    if fault := installed.fault(spec.name, remedy=remedy):
        complain(f"warning: {fault}")
    seen = not fault
    head = "has a card in the launcher now" if seen else "was written"
    say(f"The kernel of the lab {found.lab.title!r} {head}.")
    say(f"  kernelspec  {spec.name}")
    say(f"  folder      {installed.path}")
    say(f"  lab         {spec.lab}")
    if seen:
        say(f"To remove it: jupyter kernelspec remove {spec.name}")
    return _OK
