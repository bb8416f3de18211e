"""The Jupyter server of this environment, as its configuration has it; nothing is started.

Source: jupyter_server, "Configuring extensions" and ``ServerApp.find_server_extensions``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from jupyter_core.application import JupyterApp
from jupyter_core.paths import jupyter_config_path
from traitlets.config import Config

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.picker.filters import ContainerFilters, filters_of

EXTENSION = "dexec_kernel.picker"

#: The programs that have a launcher or a menu of kernels; the name of each one's own config file;
#: and the lowest major version whose server loads extensions of our kind.
_PROGRAMS = (
    ("JupyterLab", "jupyterlab", "jupyter_lab_config", 3),
    ("Notebook", "notebook", "jupyter_notebook_config", 7),
)


@dataclass(frozen=True, slots=True)
class Server:
    """The server. ``programs`` are the front ends with their versions; none without a server.

    ``is_loaded`` tells whether it loads our extension, ``is_turned_off`` whether the configuration
    says that it must not. ``is_enabled`` is the extension's own setting. ``filters`` are the
    picker's. ``allowed`` are the only kernelspecs that the server shows, all if there are none.
    """

    programs: tuple[str, ...] = ()
    is_loaded: bool = False
    is_turned_off: bool = False
    is_enabled: bool = True
    filters: ContainerFilters = field(default_factory=ContainerFilters)
    allowed: frozenset[str] = frozenset()


def find_server(environ: Mapping[str, str]) -> Server:
    """Look at the environment of this Python. Raises :class:`ConfigurationError`."""
    found = [
        (f"{title} {version}", config)
        for title, distribution, config, lowest in _PROGRAMS
        if (version := _version(distribution)) and _major(version) >= lowest
    ]
    if not found or not _version("jupyter_server"):
        return Server()
    config = Config()
    for name in ("jupyter_server_config", *(name for _, name in found)):
        config.merge(_read_config(name))
    ours = config.get("DexecPicker", {})
    default = filters_of(environ)
    filters = ContainerFilters(
        labels=_texts(ours.get("labels")) or default.labels,
        include=_texts(ours.get("include")) or default.include,
        exclude=_texts(ours.get("exclude")) or default.exclude,
        only_labelled=bool(ours.get("only_labelled")) or default.only_labelled,
    )
    manager = config.get("KernelSpecManager", {})
    allowed = manager.get("allowed_kernelspecs") or manager.get("whitelist")
    switch = _switch(config)
    return Server(
        programs=tuple(program for program, _ in found),
        is_loaded=switch is True,
        is_turned_off=switch is False,
        is_enabled=bool(ours.get("enabled", True)),
        filters=filters,
        allowed=frozenset(_texts(allowed)),
    )


def _switch(config: Config) -> bool | None:
    """Return whether the configuration has the server load our extension; None if it says nothing.

    The server's own config goes first. Raises :class:`ConfigurationError`.
    """
    # In an environment without a server it is missing.
    from jupyter_server.extension.config import ExtensionConfigManager  # noqa: PLC0415

    explicit = config.get("ServerApp", {}).get("jpserver_extensions", {})
    if isinstance(explicit, Mapping) and EXTENSION in explicit:
        return bool(explicit[EXTENSION])
    manager = ExtensionConfigManager(read_config_path=jupyter_config_path())
    try:
        found = manager.get_jpserver_extensions()  # type: ignore[no-untyped-call]
        value = found.get(EXTENSION)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        # jupyter_server takes what is in the files as it is.
        raise ConfigurationError(
            f"jupyter_server cannot read its extensions' configuration: {error}",
            advice="Mend the files jupyter_server_config.json and jupyter_server_config.d/*.json in"
            " the config folders that `jupyter --paths` lists.",
        ) from error
    return None if value is None else bool(value)


def _read_config(name: str) -> Config:
    """Return what a server would read from its config files of that name."""
    app = JupyterApp(config_file_name=name, log=_silent())
    app.load_config_file()
    found = app.config
    return found if isinstance(found, Config) else Config()


def _silent() -> logging.Logger:
    """Return a log for faults in config files: the server reports them itself."""
    log = logging.getLogger(f"{__name__}.silent")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    return log


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _major(version: str) -> int:
    major = version.partition(".")[0]
    return int(major) if major.isdecimal() else 0


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else ()
