"""Where the engine is, chosen as the docker command chooses it.

Order: ``DOCKER_HOST``, ``DOCKER_CONTEXT``, the current context of the docker configuration, then
the well-known sockets of Docker and Podman, the first that something listens on.
Source: docker/cli, "docker context" and "environment variables".
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dexec_kernel.engine.contexts import Context, current_context_name, read_context
from dexec_kernel.engine.permission import permission_fix
from dexec_kernel.engine.ssh.destination import (
    SCHEME,
    SshDestination,
    parse_ssh,
    without_password,
)
from dexec_kernel.engine.ssh.words import SshWords
from dexec_kernel.errors import ConfigurationError, EngineUnavailable

PORT, TLS_PORT = 2375, 2376
_PROBE_TIMEOUT = 2.0

HOW_TO_START = (
    "Start one (`sudo systemctl start docker`, Docker Desktop, or"
    " `systemctl --user start podman.socket`), or name one in DOCKER_HOST."
)
HOW_TO_LISTEN = (
    "Is the machine on, does its engine listen on that port (dockerd --host=tcp://…), and does the"
    " network let you reach it?"
)
HOW_TO_INSTALL = (
    "Neither Docker nor Podman is installed here. Install Docker"
    " (https://docs.docker.com/engine/install/) or Podman"
    " (https://podman.io/docs/installation); on Debian and Ubuntu `sudo apt install podman`, then"
    " `systemctl --user start podman.socket`. Or name an engine on another machine in DOCKER_HOST."
)
HOW_TO_MOUNT = (
    "This is a container itself. Start it with the engine's socket:"
    " docker run -v /var/run/docker.sock:/var/run/docker.sock …, or name an engine in DOCKER_HOST."
)
_EXAMPLES = (
    "For example unix:///var/run/docker.sock, tcp://engine.example.com:2376 or"
    " ssh://me@engine.example.com"
)
#: Docker and Podman put these into their containers.
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
_ENGINES = ("docker", "dockerd", "podman")
#: Where daemons are, which the PATH of others than root may lack.
_SYSTEM_PATH = ("/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """The files of a TLS connection, each PEM; a missing one is None."""

    ca: Path | None
    cert: Path | None
    key: Path | None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An engine's address: a unix socket's ``path``, or ``host`` and ``port``, with or without TLS.

    Behind ``ssh`` there is none of them: ``engine.ssh.route`` makes the socket. ``source`` says in
    words where the address comes from.
    """

    source: str
    path: str = ""
    host: str = ""
    port: int = 0
    tls: TlsConfig | None = None
    ssh: SshDestination | None = None
    is_tunnel = False
    noun = "engine"

    @property
    def http_host(self) -> str:
        """The ``Host`` of HTTP requests; any name works for a socket."""
        return "docker" if self.is_unix else self.url[len("tcp://") :]

    @property
    def is_unix(self) -> bool:
        """True for a unix socket."""
        return bool(self.path)

    @property
    def url(self) -> str:
        """The address as DOCKER_HOST would have it."""
        if self.ssh is not None:
            return self.ssh.url
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    @property
    def advice(self) -> str:
        """What to do when nothing answers here."""
        if self.ssh is not None:
            return f"The address comes from {self.source}. {SshWords.socket_advice(self.ssh)}"
        if not self.is_unix:
            return f"The address comes from {self.source}. {HOW_TO_LISTEN}"
        return f"The address comes from {self.source}. {HOW_TO_START}"

    async def ready(self) -> None:
        """Nothing is needed before one can connect."""

    def early_end(self) -> EngineUnavailable:
        """Return the error for a connection that ends before an answer."""
        return EngineUnavailable("The engine closed the connection without an answer.")

    def advice_on(self, error: BaseException) -> str:
        """What to do when ``error`` keeps us from connecting: advice, or how to be let in."""
        if self.is_unix and isinstance(error, OSError) and error.errno == errno.EACCES:
            return f"The address comes from {self.source}. {permission_fix(self.path)}"
        return self.advice


def parse_host(url: str, *, source: str, tls: TlsConfig | None = None) -> Endpoint:
    """Read an address as DOCKER_HOST has it: unix://, tcp://, http://, https:// or ssh://.

    ``tls`` is used for tcp. Raises :class:`ConfigurationError`.
    """
    url = url.strip()
    if url.startswith(("unix://", "/")):
        path = url.removeprefix("unix://")
        if not path.startswith("/"):
            raise ConfigurationError(
                f"{source} is {url!r}: a unix socket needs an absolute path.",
                advice="For example unix:///var/run/docker.sock",
            )
        return Endpoint(source, path=path)
    if url[: len(SCHEME)].lower() == SCHEME:
        return Endpoint(source, ssh=parse_ssh(url, source=source))
    shown = without_password(url)
    try:
        # The docker command takes HOST:PORT as well.
        parts = urlsplit(url if "://" in url else f"tcp://{url}")
        host, port = parts.hostname, parts.port
        # A name that cannot be looked up at all: a part of more than 63 characters, say.
        (host or "").encode("idna")
    except ValueError as error:
        raise ConfigurationError(f"{source} is {shown!r}: {error}.", advice=_EXAMPLES) from error
    if parts.scheme not in {"tcp", "http", "https"}:
        raise ConfigurationError(
            f"{source} is {shown!r}: only unix://, tcp:// and ssh:// are supported, not"
            f" {parts.scheme}://.",
            advice=_EXAMPLES,
        )
    if parts.path.strip("/"):
        raise ConfigurationError(
            f"{source} is {shown!r}: an address with a path is not supported.", advice=_EXAMPLES
        )
    if parts.scheme == "https" and tls is None:
        tls = TlsConfig(ca=None, cert=None, key=None)
    if parts.scheme == "http":
        tls = None
    default = TLS_PORT if tls else PORT
    return Endpoint(source, host=host or "127.0.0.1", port=port or default, tls=tls)


def find_endpoint(environ: Mapping[str, str] | None = None) -> Endpoint:
    """Find the engine that the docker command would use, or else one that listens.

    ``environ`` defaults to the process's own. Only well-known sockets are probed; a named address
    is not. Raises :class:`ConfigurationError`, or :class:`EngineUnavailable` with all addresses
    that were tried.
    """
    env = os.environ if environ is None else environ
    named = _named_endpoint(env)
    if named is not None:
        return named
    tried: list[str] = ["DOCKER_HOST and DOCKER_CONTEXT: not set", "docker context: none in use"]
    denied = ""
    for endpoint in well_known_endpoints(env):
        fault = probe(endpoint)
        if not fault:
            return endpoint
        tried.append(f"{endpoint.path}: {fault}")
        if "permission" in fault:
            denied = denied or endpoint.path
    raise EngineUnavailable(
        "No container engine was found. Tried:\n" + "\n".join(f"  - {line}" for line in tried),
        advice=permission_fix(denied) if denied else how_to_get_one(env),
    )


def how_to_get_one(env: Mapping[str, str]) -> str:
    """Return how to have an engine where no address is named and nothing listens."""
    path = os.pathsep.join((env.get("PATH", os.defpath), *_SYSTEM_PATH))
    if any(shutil.which(name, path=path) for name in _ENGINES):
        return HOW_TO_START
    if any(Path(mark).exists() for mark in _CONTAINER_MARKS):
        return HOW_TO_MOUNT
    return HOW_TO_INSTALL


def _named_endpoint(env: Mapping[str, str]) -> Endpoint | None:
    """Return the endpoint that the environment or the docker configuration names, if any."""
    if url := env.get("DOCKER_HOST", "").strip():
        return parse_host(url, source="DOCKER_HOST", tls=tls_of_environment(env))
    config_dir = docker_config_dir(env)
    source = "DOCKER_CONTEXT"
    name = env.get("DOCKER_CONTEXT", "")
    if not name:
        source = f"the current docker context ({config_dir / 'config.json'})"
        name = current_context_name(config_dir)
    if not name or name == "default":
        return None
    return endpoint_of_context(config_dir, name, source=source)


def endpoint_of_context(config_dir: Path, name: str, *, source: str) -> Endpoint:
    """Return the engine of the docker context ``name``; ``source`` says who named it.

    Raises :class:`ConfigurationError`.
    """
    context = read_context(config_dir, name, source=source)
    return parse_host(
        context.host, source=f"{source}, context {name!r}", tls=_tls_of_context(context)
    )


def docker_config_dir(env: Mapping[str, str]) -> Path:
    """Return the folder of the docker command's configuration."""
    return Path(env.get("DOCKER_CONFIG") or _home(env) / ".docker")


def _home(env: Mapping[str, str]) -> Path:
    # Path.home() and expanduser() raise for a user id without a name, as containers have them.
    return Path(env.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111


def tls_of_environment(env: Mapping[str, str]) -> TlsConfig | None:
    """Return the TLS of tcp:// addresses, as the docker command has it.

    Any value of DOCKER_TLS_VERIFY or DOCKER_TLS switches it on. Raises
    :class:`ConfigurationError` where a file is missing.
    """
    verify = bool(env.get("DOCKER_TLS_VERIFY"))
    if not verify and not env.get("DOCKER_TLS"):
        return None
    folder = Path(env.get("DOCKER_CERT_PATH") or docker_config_dir(env))
    files = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    if verify and not files["ca"].is_file():
        raise ConfigurationError(
            f"DOCKER_TLS_VERIFY is set, and {files['ca']} does not exist.",
            advice="Name the folder with ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH.",
        )
    found = {name: path if path.is_file() else None for name, path in files.items()}
    return TlsConfig(found["ca"], found["cert"], found["key"], verify=verify)


def _tls_of_context(context: Context) -> TlsConfig | None:
    if not (context.skip_tls_verify or context.ca or context.cert):
        return None
    return TlsConfig(context.ca, context.cert, context.key, verify=not context.skip_tls_verify)


def well_known_endpoints(env: Mapping[str, str]) -> Iterator[Endpoint]:
    """Yield where Docker and Podman put their sockets, rootful before rootless, Docker first."""
    home = _home(env)
    runtime = Path(env.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    places = (
        ("Docker's socket", Path("/var/run/docker.sock")),
        ("rootless Docker's socket", runtime / "docker.sock"),
        ("Docker Desktop's socket", home / ".docker/run/docker.sock"),
        ("Docker Desktop's socket", home / ".docker/desktop/docker.sock"),
        ("Podman's socket", Path("/run/podman/podman.sock")),
        ("rootless Podman's socket", runtime / "podman/podman.sock"),
    )
    for source, path in places:
        yield Endpoint(source, path=str(path))


def probe(endpoint: Endpoint) -> str:
    """Try to connect to a unix socket; return what is wrong in words, or nothing."""
    try:
        mode = Path(endpoint.path).stat().st_mode
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return os.strerror(error.errno or errno.EIO).lower()
    if not stat.S_ISSOCK(mode):
        return "not a socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_PROBE_TIMEOUT)
        try:
            sock.connect(endpoint.path)
        except (TimeoutError, BlockingIOError):
            return "nothing answers"  # The latter: nobody takes the connections that wait.
        except ConnectionRefusedError:
            return "nothing listens (a left-over file)"
        except OSError as error:
            return (error.strerror or str(error)).lower()
    return ""
