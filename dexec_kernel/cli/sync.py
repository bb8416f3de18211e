"""``dexec-kernel sync``: kernelspecs on disk for all containers that cells can run in."""

from __future__ import annotations

import argparse
import asyncio
import os

from dexec_kernel.backend.models import ContainerSummary
from dexec_kernel.backend.targets import KUBE_PREFIX, candidates
from dexec_kernel.cli.engine import engine_client
from dexec_kernel.cli.pods import FoundPods, find_pods
from dexec_kernel.cli.terminal import complain, say, say_json
from dexec_kernel.picker import kernelspecs
from dexec_kernel.picker.filters import ContainerFilters, filters_of
from dexec_kernel.picker.kernelspecs import BoundSpec
from dexec_kernel.picker.specs import container_specs
from dexec_kernel.picker.sync import MADE_BY_SYNC, Synced, kernels_folder, sync


def synchronise(options: argparse.Namespace) -> int:
    """Write the kernelspecs and remove stale ones; return the exit code."""
    containers, pods = asyncio.run(_containers())
    if pods.fault:
        complain(f"warning: the pods cannot be listed, and their kernelspecs stay. {pods.fault}")
    specs = container_specs(
        [*containers, *pods.containers],
        _filters(options),
        kernelspecs.engine_env(os.environ),
        pod_env=pods.env,
        metadata=MADE_BY_SYNC,
    )
    folder = kernels_folder(user=options.user, prefix=options.prefix or "")
    # Pods that cannot be listed may well be there.
    kept = KUBE_PREFIX if pods.fault else None
    done = sync(specs, folder, dry_run=options.dry_run, keep=kept)
    if options.json:
        say_json(_to_json(specs, done, dry_run=options.dry_run))
    else:
        _tell(specs, done, dry_run=options.dry_run)
    return 0


async def _containers() -> tuple[list[ContainerSummary], FoundPods]:
    pods = asyncio.create_task(find_pods())
    try:
        async with engine_client("listing the containers") as client:
            containers = await candidates(client)
    except BaseException:
        pods.cancel()
        raise
    return containers, await pods


def _filters(options: argparse.Namespace) -> ContainerFilters:
    """Return the filters: the options, and the environment where none is given."""
    default = filters_of(os.environ)
    return ContainerFilters(
        labels=tuple(options.label) or default.labels,
        include=tuple(options.include) or default.include,
        exclude=tuple(options.exclude) or default.exclude,
        only_labelled=options.only_labelled or default.only_labelled,
    )


def _to_json(specs: list[BoundSpec], done: Synced, *, dry_run: bool) -> dict[str, object]:
    return {
        "folder": str(done.folder),
        "dry_run": dry_run,
        "kernelspecs": [
            {"name": spec.name, "container": spec.container, "display_name": spec.display_name}
            for spec in specs
            if spec.name not in done.kept
        ],
        "written": done.written,
        "unchanged": done.unchanged,
        "removed": done.removed,
        "left_alone": done.kept,
    }


def _tell(specs: list[BoundSpec], done: Synced, *, dry_run: bool) -> None:
    for spec in specs:
        if spec.name in done.written:
            say(f"{'would write' if dry_run else 'written'}  {spec.name}  ({spec.container})")
    for name in done.removed:
        say(f"{'would remove' if dry_run else 'removed'}  {name}")
    for name, why in done.kept.items():
        complain(f"warning: {name} was left alone: {why}")
    count = len(done.written) + len(done.unchanged)
    kernels = "one kernel" if count == 1 else f"{count} kernels"
    verb = "would be" if dry_run else "is" if count == 1 else "are"
    say(f"{kernels} for containers {verb} in {done.folder}")
