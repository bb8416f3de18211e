"""The docker command's contexts, read from its configuration folder. Nothing is written.

Source: docker/cli, ``cli/context/store``: ``contexts/meta/SHA256(name)/meta.json`` and
``contexts/tls/SHA256(name)/docker/*.pem``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dexec_kernel.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Context:
    """The docker endpoint of a context. A missing file is None."""

    name: str
    host: str
    skip_tls_verify: bool
    ca: Path | None
    cert: Path | None
    key: Path | None


def current_context_name(config_dir: Path) -> str:
    """Return the name of the context in use, or "". Raises :class:`ConfigurationError`."""
    path = config_dir / "config.json"
    if not path.is_file():
        return ""
    return str(_read_json(path).get("currentContext") or "")


def read_context(config_dir: Path, name: str, *, source: str) -> Context:
    """Read the context ``name``; ``source`` says who named it.

    Raises :class:`ConfigurationError` when it does not exist or has no docker endpoint.
    """
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
    path = config_dir / "contexts" / "meta" / digest / "meta.json"
    if not path.is_file():
        known = ", ".join(sorted(context_names(config_dir))) or "none"
        raise ConfigurationError(
            f"{source} names the docker context {name!r}, which does not exist (known: {known}).",
            advice="See `docker context ls`; choose with `docker context use NAME`.",
        )
    try:
        endpoint = (_read_json(path).get("Endpoints") or {}).get("docker") or {}
        host = endpoint.get("Host")
    except AttributeError as error:
        raise ConfigurationError(f"{path} cannot be read: it describes no endpoints.") from error
    if not host:
        raise ConfigurationError(f"The docker context {name!r} has no docker endpoint ({path}).")
    tls_dir = config_dir / "contexts" / "tls" / digest / "docker"
    files = {part: tls_dir / f"{part}.pem" for part in ("ca", "cert", "key")}
    found = {part: file if file.is_file() else None for part, file in files.items()}
    return Context(
        name=name,
        host=str(host),
        skip_tls_verify=bool(endpoint.get("SkipTLSVerify")),
        ca=found["ca"],
        cert=found["cert"],
        key=found["key"],
    )


def context_names(config_dir: Path) -> list[str]:
    """Return the names of all contexts that can be read."""
    names: list[str] = []
    for path in (config_dir / "contexts" / "meta").glob("*/meta.json"):
        try:
            names.append(str(_read_json(path)["Name"]))
        except (ConfigurationError, KeyError):
            continue
    return names


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} does not hold a JSON object.")
    return content
