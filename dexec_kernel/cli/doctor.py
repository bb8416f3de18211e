"""``dexec-kernel doctor``: all checks, in the order in which they depend on each other."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from dexec_kernel.cli.checks import OPTIONAL, Patient
from dexec_kernel.cli.checks_installation import (
    check_kernelspec,
    check_packages,
    check_policy,
    check_python,
)
from dexec_kernel.cli.checks_pods import PodPatient, check_pods, is_about_a_pod
from dexec_kernel.cli.checks_server import check_server
from dexec_kernel.cli.checks_settings import check_settings
from dexec_kernel.cli.engine import PATIENCE
from dexec_kernel.cli.findings import Finding, Verdict, show, summary
from dexec_kernel.cli.terminal import say, say_json
from dexec_kernel.errors import DexecError

_INSTALLATION: tuple[Callable[[], Finding], ...] = (
    *(check_python, check_packages, check_kernelspec, check_policy),
)


def examine(options: argparse.Namespace) -> int:
    """Make all checks and print what was found; return the exit code."""
    findings = asyncio.run(_examine(options.container, quiet=options.json))
    if options.json:
        say_json([finding.to_json() for finding in findings])
    else:
        say(f"\n{summary(findings)}")
    return int(any(finding.status is Verdict.FAILED for finding in findings))


async def _examine(container: str | None, *, quiet: bool) -> list[Finding]:
    """Make the checks, and print each as soon as it is made unless ``quiet``."""
    findings: list[Finding] = []
    async with aclosing(_findings(container)) as found:
        async for finding in found:
            findings.append(finding)
            if not quiet:
                show(finding)
    return findings


async def _findings(container: str | None) -> AsyncGenerator[Finding, None]:
    for check in _INSTALLATION:
        yield check()
    yield check_settings(os.environ)
    yield check_server(os.environ)
    if is_about_a_pod(container, os.environ):
        patient: Patient = PodPatient(container, os.environ)
    else:
        patient = Patient(container, os.environ)
        if (pods := await check_pods()) is not None:
            yield pods
    ended = False
    try:
        for name, examination in patient.checks():
            if ended:
                if name not in OPTIONAL:
                    yield Finding(name, Verdict.SKIPPED, "not checked")
                continue
            if (finding := await _bounded(name, examination())) is not None:
                ended = finding.ends
                yield finding
    finally:
        await patient.aclose()


async def _bounded(name: str, examination: Awaitable[Finding | None]) -> Finding | None:
    """Make one check. An error becomes its finding."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await examination
    except DexecError as error:
        return Finding(name, Verdict.FAILED, error.message, error.command_advice)
    except TimeoutError:
        return Finding(
            name,
            Verdict.FAILED,
            f"no answer within {PATIENCE:g} s",
            "The engine hangs, or the machine is very busy: try again, or restart the engine.",
        )
