"""The cluster, the user and the namespace that kubectl would take: read from files, merged.

Source: Kubernetes' "Organizing Cluster Access Using kubeconfig Files". Nothing is sent here, and no
credential is fetched. Values may be secrets: errors name settings and files, never their content.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dexec_kernel.errors import ConfigurationError

#: Names another context than the kubeconfig's current one.
CONTEXT_VARIABLE = "DEXEC_KUBE_CONTEXT"
#: The folder that every pod has which may talk to its cluster.
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_HOW_TO_GET_ONE = (
    "Use the file that your cluster's administrator or provider gives you: `kubectl get pods` works"
    " with it. KUBECONFIG names it where it is not ~/.kube/config."
)


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A command that prints credentials."""

    api_version: str
    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cluster_info: bool = False
    interactive_mode: str = "IfAvailable"
    install_hint: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is, and how its certificate is checked."""

    server: str
    ca_data: bytes = b""
    ca_file: str = ""
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = field(default="", repr=False)
    #: What exec plugins are told besides.
    plugin_config: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class User:
    """Who we are, by a token, a certificate, or a command that has one of both."""

    token: str = field(default="", repr=False)
    token_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    cert_data: bytes = field(default=b"", repr=False)
    cert_file: str = ""
    key_data: bytes = field(default=b"", repr=False)
    key_file: str = ""
    plugin: ExecPlugin | None = None
    #: As whom requests are made, by the names of HTTP headers.
    impersonation: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """All of it. ``source`` says where it is from; ``context`` is "" in a pod of the cluster."""

    cluster: Cluster
    user: User
    namespace: str
    context: str
    source: str


def is_configured(environ: Mapping[str, str]) -> bool:
    """Return whether there is a kubeconfig, or the service account of a pod."""
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return True
    return any(file.expanduser().exists() for file in _files(environ))


def access_of(environ: Mapping[str, str]) -> ClusterAccess:
    """Return the access that the environment names. Raises :class:`ConfigurationError`."""
    return find_access(environ, context=environ.get(CONTEXT_VARIABLE, ""))


def find_access(
    environ: Mapping[str, str], *, context: str = "", account: Path = SERVICE_ACCOUNT
) -> ClusterAccess:
    """Return what kubectl would use with this environment; ``context`` "" for the current one.

    Raises :class:`ConfigurationError` where there is no cluster, or a file cannot be used.
    """
    files = _files(environ)
    merged = _Merged()
    for file in files:
        merged.add(file)
    if merged.is_empty:
        if environ.get("KUBERNETES_SERVICE_HOST") and (account / "token").is_file():
            return _in_cluster(environ, account)
        names = ", ".join(map(str, files))
        raise ConfigurationError(
            f"No Kubernetes cluster is configured: {names} does not exist or is empty.",
            advice=_HOW_TO_GET_ONE,
        )
    return merged.access(context)


def _files(environ: Mapping[str, str]) -> list[Path]:
    listed = [part for part in environ.get("KUBECONFIG", "").split(":") if part]
    if listed:
        return [Path(part) for part in listed]
    home = environ.get("HOME")
    return [(Path(home) if home else Path.home()) / ".kube" / "config"]


def _in_cluster(environ: Mapping[str, str], account: Path) -> ClusterAccess:
    host = environ["KUBERNETES_SERVICE_HOST"]
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    name = f"[{host}]" if ":" in host else host
    ca, namespace = account / "ca.crt", account / "namespace"
    return ClusterAccess(
        Cluster(f"https://{name}:{port}", ca_file=str(ca) if ca.is_file() else ""),
        User(token_file=str(account / "token")),
        namespace.read_text(encoding="utf-8").strip() if namespace.is_file() else "default",
        context="",
        source="the pod's service account",
    )


class _Merged:
    """Files in their order: the first that has a name, or a setting, is the one that counts."""

    def __init__(self) -> None:
        self._current = ""
        self._named: dict[str, dict[str, tuple[dict[str, Any], Path]]] = {
            kind: {} for kind in ("clusters", "users", "contexts")
        }

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not self._current and not any(self._named.values())

    def add(self, file: Path) -> None:
        """Read a file; one that does not exist has nothing to say."""
        content = _read(file)
        self._current = self._current or _text(content, "current-context", file)
        for kind, known in self._named.items():
            for item in _list(content, kind, file):
                name = _text(item, "name", file)
                inner = _object(item, kind.removesuffix("s"), file)
                known.setdefault(name, (inner, file))

    def access(self, wanted: str) -> ClusterAccess:
        """Return what a context leads to."""
        name = wanted or self._current
        if not name:
            raise ConfigurationError(
                "The kubeconfig has no current context.",
                advice=f"Choose one: kubectl config use-context NAME ({self._names('contexts')}).",
            )
        context, file = self._get("contexts", name)
        cluster = _text(context, "cluster", file)
        user = _text(context, "user", file)
        return ClusterAccess(
            _cluster(*self._get("clusters", cluster)),
            _user(*self._get("users", user)) if user else User(),
            _text(context, "namespace", file) or "default",
            context=name,
            source=str(file),
        )

    def _get(self, kind: str, name: str) -> tuple[dict[str, Any], Path]:
        try:
            return self._named[kind][name]
        except KeyError:
            singular = kind.removesuffix("s")
            raise ConfigurationError(
                f"The kubeconfig has no {singular} {name!r}.",
                advice=f"It has: {self._names(kind)}.",
            ) from None

    def _names(self, kind: str) -> str:
        return ", ".join(self._named[kind]) or "none"


def _read(file: Path) -> dict[str, Any]:
    try:
        import yaml  # noqa: PLC0415 -- an extra, and slow to import
    except ImportError as error:
        raise ConfigurationError(
            "Cells in pods need a package that is not installed: PyYAML, which reads a kubeconfig.",
            advice="Install it: pip install 'dexec-kernel[kubernetes]'",
        ) from error
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"The kubeconfig {file} cannot be read: {reason}.") from error
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        # The cause would show the line.
        raise ConfigurationError(f"The kubeconfig {file} is not YAML{where}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise _unusable(file, "the file", "an object")
    return content


def _cluster(content: dict[str, Any], file: Path) -> Cluster:
    server = _text(content, "server", file)
    if not server:
        raise ConfigurationError(f"A cluster in the kubeconfig {file} has no server.")
    extensions = {
        _text(item, "name", file): item.get("extension")
        for item in _list(content, "extensions", file)
    }
    return Cluster(
        server,
        ca_data=_data(content, "certificate-authority-data", file),
        ca_file=_path(content, "certificate-authority", file),
        insecure=bool(content.get("insecure-skip-tls-verify")),
        tls_server_name=_text(content, "tls-server-name", file),
        proxy_url=_text(content, "proxy-url", file),
        plugin_config=extensions.get("client.authentication.k8s.io/exec"),
    )


def _user(content: dict[str, Any], file: Path) -> User:
    if content.get("auth-provider"):
        raise ConfigurationError(
            f"A user in the kubeconfig {file} has an auth-provider. kubectl has dropped it, too.",
            advice="Get a kubeconfig with an exec plugin from your cloud's tool: aws eks"
            " update-kubeconfig, gcloud container clusters get-credentials, kubelogin.",
        )
    plugin = content.get("exec")
    return User(
        token=_text(content, "token", file),
        token_file=_path(content, "tokenFile", file),
        username=_text(content, "username", file),
        password=_text(content, "password", file),
        cert_data=_data(content, "client-certificate-data", file),
        cert_file=_path(content, "client-certificate", file),
        key_data=_data(content, "client-key-data", file),
        key_file=_path(content, "client-key", file),
        plugin=_plugin(_object(content, "exec", file), file) if plugin else None,
        impersonation=_impersonation(content, file),
    )


def _plugin(content: dict[str, Any], file: Path) -> ExecPlugin:
    command = _text(content, "command", file)
    if "/" in command:
        # Paths are relative to the file; a bare name is looked up in PATH.
        command = str(file.parent / command)
    env = {
        _text(item, "name", file): _text(item, "value", file)
        for item in _list(content, "env", file)
    }
    return ExecPlugin(
        _text(content, "apiVersion", file),
        command,
        tuple(str(word) for word in content.get("args") or ()),
        env,
        cluster_info=bool(content.get("provideClusterInfo")),
        interactive_mode=_text(content, "interactiveMode", file) or "IfAvailable",
        install_hint=_text(content, "installHint", file),
    )


def _impersonation(content: dict[str, Any], file: Path) -> tuple[tuple[str, str], ...]:
    found = []
    if name := _text(content, "as", file):
        found.append(("Impersonate-User", name))
    if uid := _text(content, "as-uid", file):
        found.append(("Impersonate-Uid", uid))
    found += [("Impersonate-Group", str(group)) for group in content.get("as-groups") or ()]
    extra = content.get("as-user-extra") or {}
    for key, values in extra.items():
        found += [(f"Impersonate-Extra-{key}", str(value)) for value in values]
    return tuple(found)


def _unusable(file: Path, key: str, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"In the kubeconfig {file}, {key} is not {wanted}.")


def _text(content: Any, key: str, file: Path) -> str:
    value = content.get(key) if isinstance(content, dict) else None
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)  # YAML takes 007 for a number.
    if not isinstance(value, str):
        raise _unusable(file, key, "text")
    return value


def _object(content: Any, key: str, file: Path) -> dict[str, Any]:
    value = content.get(key) if isinstance(content, dict) else None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _unusable(file, key, "an object")
    return value


def _list(content: dict[str, Any], key: str, file: Path) -> list[dict[str, Any]]:
    value = content.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _unusable(file, key, "a list of objects")
    return value


def _data(content: dict[str, Any], key: str, file: Path) -> bytes:
    try:
        return base64.b64decode(_text(content, key, file), validate=False)
    except (binascii.Error, ValueError):
        raise _unusable(file, key, "base64") from None


def _path(content: dict[str, Any], key: str, file: Path) -> str:
    text = _text(content, key, file)
    return str(file.parent / text) if text else ""
