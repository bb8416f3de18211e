"""The doctor's checks of this installation; none of them needs an engine."""

from __future__ import annotations

import platform
import re
import shlex
import shutil
import sys
from importlib import metadata

from dexec_kernel import __version__
from dexec_kernel.cli.findings import Finding, Verdict
from dexec_kernel.errors import PolicyUnusable
from dexec_kernel.picker.kernelspecs import KERNEL_NAME, bound_specs, find_spec
from dexec_kernel.policy import file as policy_file

_DISTRIBUTION = "dexec-kernel"
#: How the requirements of ours are written: ``ipykernel>=7.4``.
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+) *>= *([0-9.]+)")


def check_python() -> Finding:
    """Say which Python this is, and which version of ours; it always works."""
    message = f"dexec-kernel {__version__}, Python {platform.python_version()} ({sys.executable})"
    return Finding("python", Verdict.OK, message)


def check_packages() -> Finding:
    """Check that all dependencies are installed and new enough."""
    found, wrong, missing = [], [], []
    for name, needed in requirements(metadata.requires(_DISTRIBUTION) or []):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = ""
        if not version or version_key(version) < version_key(needed):
            wrong.append(f"{name} is {version or 'missing'}, {needed} or newer is needed")
            missing.append(f"{name}>={needed}")
        found.append(f"{name} {version}")
    if wrong:
        command = shlex.join([sys.executable, "-m", "pip", "install", *missing])
        return Finding("packages", Verdict.FAILED, "; ".join(wrong), command)
    return Finding("packages", Verdict.OK, ", ".join(found))


def requirements(lines: list[str]) -> list[tuple[str, str]]:
    """Return the name and the lowest version of every requirement that is not for an extra."""
    matches = [_REQUIREMENT.match(line) for line in lines if "extra ==" not in line]
    return [(match[1], match[2]) for match in matches if match]


def version_key(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with."""
    start = re.match(r"[0-9]+(\.[0-9]+)*", version)
    return tuple(int(part) for part in start[0].split(".")) if start else ()


def check_policy() -> Finding:
    """Show the policy of this machine. One that cannot be used is a fault: no cell runs."""
    try:
        policy = policy_file.find_policy()
    except PolicyUnusable as error:
        return Finding("policy", Verdict.FAILED, error.message, error.advice)
    if not policy.file:
        return Finding("policy", Verdict.OK, f"none ({policy_file.PATH} does not exist)")
    limits = policy.described() or ["it limits nothing"]
    return Finding("policy", Verdict.OK, "\n".join([policy.file, *limits]))


def check_kernelspec() -> Finding:
    """Check that Jupyter finds our kernel, and that the kernelspecs of containers can start."""
    reinstall = shlex.join(
        [sys.executable, "-m", "pip", "install", "--force-reinstall", "--no-deps", _DISTRIBUTION]
    )
    spec = find_spec(KERNEL_NAME)
    if spec is None:
        return Finding(
            "kernelspec",
            Verdict.FAILED,
            f"Jupyter does not find the kernel {KERNEL_NAME!r}: it is missing in the picker",
            reinstall,
        )
    if not spec.is_ours:
        return Finding(
            "kernelspec",
            Verdict.FAILED,
            f"another kernel is called {KERNEL_NAME!r}: {spec.path}",
            f"jupyter kernelspec remove {KERNEL_NAME}",
        )
    bound = list(bound_specs())
    dead = [item for item in bound if not shutil.which(item.argv[0])]
    if dead:
        return Finding(
            "kernelspec",
            Verdict.WARNING,
            "; ".join(f"{item.name} cannot start, its {item.argv[0]} is gone" for item in dead),
            "\n".join(
                f"dexec-kernel install --container {shlex.quote(item.container)} --name {item.name}"
                for item in dead
            ),
        )
    names = "".join(f", {item.name} for {item.container}" for item in bound)
    return Finding("kernelspec", Verdict.OK, f"{KERNEL_NAME} ({spec.path}){names}")
