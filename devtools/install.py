"""Install packages into the environment of this Python: uv does it, or pip where uv cannot.

uv downloads the packages side by side, and takes a quarter of pip's processor time. It has the
arguments of `pip install`, and does not read pip's configuration; so that is handed on to it::

    python -m devtools.install -e '.[test]'

Needs the standard library and pip alone, as nothing else is installed yet.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

#: Sections of pip's configuration; a later one goes first.
_SECTIONS = ("global", "install", ":env:")
#: uv's variables, with the settings of pip and the separators of their values.
_SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "no-index": ("UV_NO_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "constraint": ("UV_CONSTRAINT", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", ""),
    "proxy": ("ALL_PROXY", ""),
    "default-timeout": ("UV_HTTP_TIMEOUT", ""),
    "timeout": ("UV_HTTP_TIMEOUT", ""),
}
_UV = ("-m", "uv", "pip", "install", "--quiet", "--python", sys.executable)
_PIP = ("-m", "pip", "install", "--quiet", "--no-compile")


def variables(configuration: str) -> dict[str, str]:
    """Return uv's environment variables for the output of ``pip config list``."""
    # pip takes the best version of all indexes, and trusts the certificates that the machine has.
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_NATIVE_TLS": "1"}
    lines = [line.partition("=") for line in configuration.splitlines()]
    settings = {key: str(ast.literal_eval(value)) for key, _, value in lines if value}
    for section in _SECTIONS:
        for setting, (name, separator) in _SETTINGS.items():
            if value := settings.get(f"{section}.{setting}"):
                found[name] = separator.join(value.split()) if separator else value
    return found


def pip_configuration() -> str:
    """Return the output of ``pip config list``. Raises CalledProcessError."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, check=False).returncode == 0


def install(
    packages: Sequence[str],
    *,
    configuration: Callable[[], str] = pip_configuration,
    run: Callable[[Sequence[str], Mapping[str, str]], bool] = _run,
) -> bool:
    """Install packages; tell whether that worked. Raises CalledProcessError if pip does not run."""
    # The developer's own choices for uv go first.
    environment = {**variables(configuration()), **os.environ}
    if run([*_UV, *packages], environment):
        return True
    print("uv could not install: pip is asked", file=sys.stderr, flush=True)
    return run([*_PIP, *packages], os.environ)


if __name__ == "__main__":
    sys.exit(not install(sys.argv[1:]))
