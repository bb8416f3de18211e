"""Kernelspecs that are bound to a container: made, installed, found again.

Source: jupyter_client, "Making kernels for Jupyter: Kernel specs".
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.paths import prefer_environment_over_user

from dexec_kernel.backend.targets import plain_name
from dexec_kernel.engine.contexts import current_context_name
from dexec_kernel.engine.endpoint import docker_config_dir, parse_host
from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker.mark import Mark, mark_of
from dexec_kernel.picker.names import is_pod

#: The kernelspec that comes with the installation, bound to no container.
KERNEL_NAME = "dexec"

#: Jupyter takes these (``_is_valid_kernel_name``), and others that begin with a dot: ``..`` would
#: have it replace its own folder.
_VALID_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_NOT_VALID = re.compile(r"[^a-z0-9._-]+")
_LONGEST_NAME = 100
_TLS_VARIABLES = ("DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH")


@dataclass(frozen=True, slots=True)
class BoundSpec:
    """A kernelspec for one container, or for the ``lab`` in a folder, which makes its own.

    ``name`` is that of the kernelspec's folder, in lower case.

    ``env`` is set for the kernel and overrides Jupyter's environment. ``metadata`` is stored with
    the container's name. ``mark`` is made from the container's name where none is given.
    """

    container: str
    name: str
    display_name: str
    env: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
    mark: Mark | None = None
    lab: str = ""

    def files(self) -> dict[str, bytes]:
        """Return the kernelspec's files by their names: ``kernel.json`` and the logos."""
        label = plain_name(self.container)
        mark = self.mark or mark_of(label, family=label.partition("/")[0], member=label)
        return {"kernel.json": self.to_text().encode(), **mark.files()}

    def to_text(self) -> str:
        """Return the content of ``kernel.json`` as it is written."""
        return f"{json.dumps(self.to_json(), indent=2, ensure_ascii=False)}\n"

    def is_written_in(self, folder: Path) -> bool:
        """Return whether the folder has this very kernelspec."""
        try:
            return all((folder / name).read_bytes() == data for name, data in self.files().items())
        except OSError:
            return False

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``kernel.json``."""
        kind, value = ("lab", self.lab) if self.lab else ("container", self.container)
        content: dict[str, Any] = {
            "argv": [
                sys.executable,
                "-m",
                "dexec_kernel",
                f"--{kind}",
                value,
                "-f",
                "{connection_file}",
            ],
            "display_name": self.display_name,
            "language": "bash",
            "interrupt_mode": "message",
            "metadata": {
                "debugger": False,
                "dexec": {kind: value, **self.metadata},
            },
        }
        if self.env:
            # Jupyter expands ${NAME}; a doubled dollar is a literal one.
            content["env"] = {name: value.replace("$", "$$") for name, value in self.env.items()}
        return content


@dataclass(frozen=True, slots=True)
class FoundSpec:
    """A kernelspec that Jupyter finds. ``container`` is "" if it is not bound to a container.

    ``lab`` is the folder of the lab that it is for, "" for none.

    ``made_by`` names its writer, "" for ``dexec-kernel install``.
    """

    name: str
    path: Path
    argv: tuple[str, ...]
    container: str
    made_by: str = ""
    lab: str = ""

    @property
    def is_ours(self) -> bool:
        """True when it starts this package's kernel."""
        return "dexec_kernel" in self.argv


@dataclass(frozen=True, slots=True)
class Installed:
    """A written kernelspec, and whether Jupyter finds it.

    ``found`` is the folder where Jupyter, started from this process, finds a kernel of that name.
    It is another folder if one comes earlier in Jupyter's path, and None if Jupyter does not search
    there.
    """

    path: Path
    found: Path | None

    @property
    def is_found(self) -> bool:
        """True when that name leads Jupyter to this kernelspec."""
        return self.found is not None and self.found.samefile(self.path)

    def fault(self, name: str, *, remedy: str) -> str:
        """Return why Jupyter would not use the kernelspec of that name, "" where it would.

        ``remedy`` is for one that another hides.
        """
        if self.found is None:
            folder = self.path.parent.parent
            how = f"start it with: JUPYTER_PATH={shlex.quote(str(folder))} jupyter lab"
            return f"Jupyter does not look into {folder}; {how}"
        if self.is_found:
            return ""
        return f"Jupyter finds another {name!r} before this one: {self.found}; {remedy}"


def bound_spec(
    container: str, *, name: str = "", display_name: str = "", env: Mapping[str, str] | None = None
) -> BoundSpec:
    """Return the kernelspec for a container, with names made from the container's unless given.

    Raises :class:`ConfigurationError` for a ``name`` that Jupyter does not take.
    """
    label = plain_name(container)
    kind = "pod" if is_pod(container) else "container"
    return BoundSpec(
        container=container,
        name=_checked(name) if name else spec_name(container),
        display_name=display_name or f"{label} ({kind})",
        env=dict(env or {}),
    )


def lab_spec(folder: Path, *, name: str, title: str, env: Mapping[str, str]) -> BoundSpec:
    """Return the kernelspec of the lab in a folder. Its card has the lab's title."""
    mark = mark_of(title, family=f"lab {name}", member=title)
    return BoundSpec("", name, title, env=dict(env), mark=mark, lab=str(folder))


def spec_name(container: str) -> str:
    """Return the name of a container's kernelspec: ``dexec-web``.

    Two containers may get the same name, as ``Web`` and ``web`` do.
    """
    words = _NOT_VALID.sub("-", plain_name(container).lower()).strip("-.")
    if not words or len(words) > _LONGEST_NAME:
        words = hashlib.sha256(container.encode()).hexdigest()[:12]
    return f"{KERNEL_NAME}-{words}"


def _checked(name: str) -> str:
    """Return a kernelspec's name as Jupyter writes it: in lower case."""
    lowered = name.lower()
    if not _VALID_NAME.fullmatch(lowered) or len(lowered) > _LONGEST_NAME:
        suggestion = _NOT_VALID.sub("-", lowered).strip("-.")[:_LONGEST_NAME]
        raise ConfigurationError(
            f"{name!r} cannot be the name of a kernelspec: it may have ASCII letters, digits,"
            " '.', '-' and '_', and begins with a letter or a digit.",
            advice=f"For example: --name {suggestion or 'web'}. The name in the picker is"
            " --display-name.",
        )
    return lowered


def engine_env(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which a kernel finds the engine that ``environ`` leads to.

    Empty when nobody named the engine, so that the well-known sockets are tried at each start.
    Raises :class:`ConfigurationError` for an address that cannot be used, and for a docker
    configuration that cannot be read.
    """
    if host := environ.get("DOCKER_HOST", "").strip():
        # It is written down: not one that has a password in it.
        parse_host(host, source="DOCKER_HOST")
        kept = {"DOCKER_HOST": host}
        if not host.startswith(("unix:", "/")):
            # Without TLS these are kept empty: another engine may need them where Jupyter runs.
            kept |= {name: environ.get(name, "") for name in _TLS_VARIABLES}
            if any(kept[name] for name in _TLS_VARIABLES):
                folder = kept["DOCKER_CERT_PATH"] or docker_config_dir(environ)
                kept["DOCKER_CERT_PATH"] = str(Path(folder).absolute())
        return kept
    config_dir = docker_config_dir(environ)
    context = environ.get("DOCKER_CONTEXT", "") or current_context_name(config_dir)
    if not context or context == "default":
        return {}
    # An empty DOCKER_HOST counts as unset. Jupyter's own would take precedence over the context.
    kept = {"DOCKER_HOST": "", "DOCKER_CONTEXT": context}
    if environ.get("DOCKER_CONFIG"):
        kept["DOCKER_CONFIG"] = str(config_dir.absolute())
    return kept


def install(
    spec: BoundSpec, *, user: bool = False, prefix: str = "", replace: bool = False
) -> Installed:
    """Write a kernelspec where Jupyter finds it: for the user, or below ``prefix``.

    With neither, it is written where Jupyter looks first: the virtual or conda environment of this
    Python, else the user's folder. A kernelspec of the same container is overwritten; another
    kernel of that name is replaced only with ``replace``. Raises :class:`ConfigurationError` if the
    name is taken, or if the folder cannot be written.
    """
    if not user and not prefix:
        user = not prefer_environment_over_user()
        prefix = "" if user else sys.prefix
    manager = KernelSpecManager()
    kernels = Path(manager.user_kernel_dir) if user else Path(prefix, "share/jupyter/kernels")
    target = kernels.absolute() / spec.name
    if not replace:
        _refuse_another(target, spec)
        if str(target.parent) in manager.kernel_dirs and (
            found := manager.find_kernel_specs().get(spec.name)
        ):
            # Elsewhere, and ours would hide it or be hidden by it.
            _refuse_another(Path(found), spec)
    try:
        with tempfile.TemporaryDirectory(prefix="dexec-") as scratch:
            # Jupyter copies the folder's mode as well, and a temporary folder is for us alone.
            folder = Path(scratch) / spec.name
            folder.mkdir(mode=0o755)
            for name, data in spec.files().items():
                (folder / name).write_bytes(data)
            path = manager.install_kernel_spec(
                str(folder), spec.name, user=user, prefix=prefix or None
            )
    except OSError as error:
        # copytree raises an error whose value is a list of (source, destination, reason).
        reason = error.strerror or str(error)
        raise ConfigurationError(
            f"The kernelspec cannot be written to {target}: {reason}.",
            advice="Write it for yourself alone with --user, or elsewhere with --prefix.",
        ) from error
    found = KernelSpecManager().find_kernel_specs().get(spec.name)
    return Installed(Path(path), Path(found) if found else None)


def find_spec(name: str) -> FoundSpec | None:
    """Return the kernelspec of that name that Jupyter, started by this Python, would use."""
    path = KernelSpecManager().find_kernel_specs().get(name)
    return read_spec(Path(path)) if path else None


def bound_specs() -> Iterator[FoundSpec]:
    """Yield the kernelspecs of ours that are bound to a container, by name."""
    for _, path in sorted(KernelSpecManager().find_kernel_specs().items()):
        spec = read_spec(Path(path))
        if spec is not None and spec.container:
            yield spec


def _refuse_another(target: Path, spec: BoundSpec) -> None:
    """Raise :class:`ConfigurationError` when ``target`` is the kernelspec of something else."""
    if not target.exists():
        return
    there = read_spec(target)
    if there is not None and (there.container, there.lab) == (spec.container, spec.lab):
        return
    whose = "another kernel"
    if there is not None and (there.container or there.lab):
        is_lab = bool(there.lab)
        whose = f"the lab in {there.lab}" if is_lab else f"the container {there.container!r}"
    raise ConfigurationError(
        f"There is a kernelspec {spec.name!r} already, of {whose}: {target}",
        # A lab's name is its folder's.
        advice="Rename this lab's folder (and the kernel in its notebook), or write over the other"
        " with --replace."
        if spec.lab
        else "Give this one a --name of its own, or write over the other with --replace.",
    )


def read_spec(path: Path) -> FoundSpec | None:
    """Read the kernelspec in a folder. Return None if it is invalid, for Jupyter too."""
    try:
        content = json.loads((path / "kernel.json").read_text(encoding="utf-8"))
        metadata = content.get("metadata") or {}
        ours = metadata.get("dexec") or {}
        container, made_by, lab = (str(ours.get(key) or "") for key in ("container", "by", "lab"))
        argv = tuple(str(word) for word in content["argv"])
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return None
    return FoundSpec(path.name, path, argv, container, made_by, lab)
