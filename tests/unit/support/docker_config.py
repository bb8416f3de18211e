"""The docker command's configuration folder, as it writes it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def add_context(config: Path, name: str, host: str, *, skip_tls_verify: bool = False) -> Path:
    """Write a context; return the folder for its TLS files."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    folder = config / "contexts/meta" / digest
    folder.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": skip_tls_verify}
    meta = {"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}
    (folder / "meta.json").write_text(json.dumps(meta))
    return config / "contexts/tls" / digest / "docker"


def use_context(config: Path, name: str) -> None:
    (config / "config.json").write_text(json.dumps({"currentContext": name, "auths": {}}))
