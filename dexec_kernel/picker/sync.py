"""Kernelspecs on disk for all running containers, for programs without a Jupyter server."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.paths import prefer_environment_over_user

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker.folder import remove_spec, write_spec
from dexec_kernel.picker.kernelspecs import BoundSpec, FoundSpec, read_spec

#: The metadata of kernelspecs that were written by sync, and may be removed by it.
MADE_BY_SYNC = {"by": "sync"}


@dataclass
class Synced:
    """The names of changed kernelspecs. ``kept``: foreign ones of the same name, with a reason."""

    folder: Path
    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)


def kernels_folder(*, user: bool = False, prefix: str = "") -> Path:
    """Return where kernelspecs are written: for the user, below ``prefix``, or where Jupyter looks.

    That is this Python's environment where it is a virtual one, else the user's folder.
    """
    if not user and not prefix:
        user = not prefer_environment_over_user()
        prefix = "" if user else sys.prefix
    if user:
        return Path(KernelSpecManager().user_kernel_dir).absolute()
    return Path(prefix, "share/jupyter/kernels").absolute()


def sync(
    specs: Iterable[BoundSpec],
    kernels: Path,
    *,
    dry_run: bool = False,
    keep: str | None = None,
) -> Synced:
    """Make the folder have these kernelspecs, and none that an earlier call wrote and is stale.

    Those of containers whose names begin with ``keep`` stay.

    What others have written stays, also where it has the name of one of these. Raises
    :class:`ConfigurationError` when the folder cannot be written.
    """
    done = Synced(kernels)
    wanted = {spec.name: spec for spec in specs}
    there = _specs_in(kernels)
    elsewhere = KernelSpecManager().find_kernel_specs()
    try:
        if not dry_run:
            kernels.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".dexec-", dir=None if dry_run else kernels
        ) as scratch:
            for name in sorted(set(there) - set(wanted)):
                if _is_synced(found := there[name]) and not _is_kept(found, keep):
                    done.removed.append(name)
                    if not dry_run:
                        remove_spec(kernels, Path(scratch), name)
            for name, spec in wanted.items():
                if why := _taken(name, kernels, there.get(name), elsewhere.get(name)):
                    done.kept[name] = why
                elif _write(spec, kernels, Path(scratch), dry_run=dry_run):
                    done.written.append(name)
                else:
                    done.unchanged.append(name)
    except OSError as error:
        raise ConfigurationError(
            f"The kernelspecs cannot be written to {kernels}: {error.strerror or error}.",
            advice="Write them for yourself alone with --user, or elsewhere with --prefix.",
        ) from error
    return done


def _write(spec: BoundSpec, kernels: Path, scratch: Path, *, dry_run: bool) -> bool:
    """Write a kernelspec, or only look whether that would change anything."""
    if dry_run:
        return not spec.is_written_in(kernels / spec.name)
    return write_spec(kernels, scratch, spec)


def _specs_in(kernels: Path) -> dict[str, FoundSpec | None]:
    """Return the folder's entries by name; None for an entry that is not a kernelspec."""
    if not kernels.is_dir():
        return {}
    folders = [path for path in kernels.iterdir() if not path.name.startswith(".")]
    return {path.name.lower(): read_spec(path) for path in folders}


def _is_kept(spec: FoundSpec | None, keep: str | None) -> bool:
    return spec is not None and keep is not None and spec.container.startswith(keep)


def _is_synced(spec: FoundSpec | None) -> bool:
    return spec is not None and spec.is_ours and spec.made_by == MADE_BY_SYNC["by"]


def _taken(name: str, kernels: Path, there: FoundSpec | None, found: str | None) -> str:
    """Return why the name is not ours to write; "" where it is."""
    target = kernels / name
    if target.exists():
        return "" if _is_synced(there) else f"{target} was written by somebody else"
    if found and Path(found).parent != kernels:
        return f"Jupyter has one of that name: {found}"
    return ""
