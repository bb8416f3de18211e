"""``dexec-kernel install``: a kernelspec for a container."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex

from dexec_kernel.backend.targets import SWARM_PREFIX, find_container
from dexec_kernel.cli.engine import tool_of
from dexec_kernel.cli.pods import client_for, is_pod
from dexec_kernel.cli.terminal import complain, say, say_json
from dexec_kernel.errors import (
    ConfigurationError,
    ContainerNotFound,
    EngineError,
    EngineUnavailable,
)
from dexec_kernel.kube.kubeconfig import access_of, is_configured
from dexec_kernel.kube.scope import is_installed
from dexec_kernel.picker import kernelspecs
from dexec_kernel.picker.kernelspecs import BoundSpec, Installed
from dexec_kernel.picker.pods import cluster_env
from dexec_kernel.swarm.ways import VARIABLE as NODE_HOSTS
from dexec_kernel.swarm.ways import NodeHosts


def install_kernelspec(options: argparse.Namespace) -> int:
    """Write the kernelspec that ``options`` ask for; return the exit code."""
    if not options.container.strip():
        raise ConfigurationError("--container needs the name of a container.")
    spec = kernelspecs.bound_spec(
        options.container,
        name=options.name,
        display_name=options.display_name,
        env=_env(options.container),
    )
    warnings = asyncio.run(_check(spec.container)) if options.check else []
    installed = kernelspecs.install(
        spec, user=options.user, prefix=options.prefix or "", replace=options.replace
    )
    remedy = "give this one a --name of its own."
    if fault := installed.fault(spec.name, remedy=remedy):
        warnings.append(fault)
    if options.json:
        say_json(
            {
                "container": spec.container,
                "name": spec.name,
                "display_name": spec.display_name,
                "path": str(installed.path),
                "env": dict(spec.env),
                "warnings": warnings,
            }
        )
        return 0
    for warning in warnings:
        complain(f"warning: {warning}")
    _tell(spec, installed)
    return 0


def _node_hosts(container: str) -> dict[str, str]:
    """Return the variable by which a kernel finds other nodes, where it may need them.

    Raises :class:`ConfigurationError`, as for a password in an address.
    """
    hosts = os.environ.get(NODE_HOSTS, "")
    NodeHosts.parse(hosts)
    return {NODE_HOSTS: hosts} if hosts and container.startswith(SWARM_PREFIX) else {}


def _env(container: str) -> dict[str, str]:
    """Return the variables by which the kernel finds the engine, or the cluster, of today."""
    if not is_pod(container) or not is_installed():
        return {**kernelspecs.engine_env(os.environ), **_node_hosts(container)}
    if not is_configured(os.environ):
        return {}
    return cluster_env(os.environ, access_of(os.environ))


def _tell(spec: BoundSpec, installed: Installed) -> None:
    seen = installed.is_found
    head = "is in the launcher now" if seen else "was written"
    say(f"The kernel {spec.display_name!r} {head}: its cells run in {spec.container}.")
    say(f"  kernelspec  {spec.name}")
    say(f"  folder      {installed.path}")
    kept = " ".join(f"{name}={shlex.quote(value)}" for name, value in spec.env.items() if value)
    if kept:
        say(f"  engine      {kept} (kept in the kernelspec)")
    if seen:
        say("A JupyterLab that is open shows it after a reload of the page.")
        say(f"To remove it: jupyter kernelspec remove {spec.name}")


async def _check(container: str) -> list[str]:
    """Ask the engine for the container. Returns warnings.

    Raises :class:`ContainerNotFound`, and :class:`ConfigurationError` if no engine can be named.
    """
    try:
        async with client_for(container, "looking for the container") as client:
            found = await find_container(client, container)
            tool = "" if is_pod(container) else await tool_of(client)
    except ContainerNotFound as error:
        hint = "--no-check writes the kernelspec anyway."
        raise ContainerNotFound(
            error.message, status=error.status, advice=f"{error.command_advice}\n{hint}".strip()
        ) from error
    except EngineUnavailable as error:
        return [f"it is not known whether the container exists. {error}"]
    except EngineError as error:
        return [f"the container could not be looked at. {error}"]
    if found.paused:
        return [f"{found.name} is paused; let it go on with: {tool} unpause {found.name}"]
    if not found.running and is_pod(container):
        return [f"{found.name} is not running: {found.why_not_running}"]
    if not found.running:
        return [f"{found.name} is not running; start it with: {tool} start {found.name}"]
    return []
