"""The cluster, the user and the namespace that kubectl would take: read from files, merged.

Source: Kubernetes' "Organizing Cluster Access Using kubeconfig Files". Nothing is sent here, and no
credential is fetched. Values may be secrets: errors name settings and files, never their content.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube import values

#: Names another context than the kubeconfig's current one.
CONTEXT_VARIABLE = "DEXEC_KUBE_CONTEXT"
#: The folder that every pod has which may talk to its cluster.
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
#: What a header's name may have besides letters and digits (RFC 9110, "token").
_IN_HEADERS = "!#$&'*+^`|"
_HOW_TO_GET_ONE = (
    "Use the file that your cluster's administrator or provider gives you: `kubectl get pods` works"
    " with it. KUBECONFIG names it where it is not ~/.kube/config."
)
_NO_ACCOUNT = (
    "This is a pod of a cluster, and it has no service account's token. Its description gives it"
    " one: automountServiceAccountToken: true, in JupyterHub singleuser.serviceAccountName."
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


def is_configured(environ: Mapping[str, str], *, account: Path = SERVICE_ACCOUNT) -> bool:
    """Return whether there is a kubeconfig, or the service account of a pod."""
    if _is_in_cluster(environ) and (account / "token").is_file():
        return True
    # Where a folder may not even be looked into, its cluster is somebody else's.
    return any(os.path.exists(file) for file in _files(environ))  # noqa: PTH110 -- raises nothing


def access_of(environ: Mapping[str, str]) -> ClusterAccess:
    """Return the access that the environment names. Raises :class:`ConfigurationError`."""
    return find_access(environ, context=environ.get(CONTEXT_VARIABLE, ""))


def user_now(access: ClusterAccess, environ: Mapping[str, str]) -> User:
    """Return the user of an access as the files have it now: somebody may have logged in again.

    It is the old one where the files name another cluster, or cannot be used. Blocks.
    """
    if not access.context:
        return access.user
    try:
        found = find_access(environ, context=access.context)
    except ConfigurationError:
        return access.user
    return found.user if found.cluster == access.cluster else access.user


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
        if _is_in_cluster(environ) and (account / "token").is_file():
            return _in_cluster(environ, account)
        names = ", ".join(map(str, files))
        raise ConfigurationError(
            f"No Kubernetes cluster is configured: {names} does not exist or is empty.",
            advice=_NO_ACCOUNT if _is_in_cluster(environ) else _HOW_TO_GET_ONE,
        )
    return merged.access(context)


def _files(environ: Mapping[str, str]) -> list[Path]:
    listed = [part for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if listed:
        # Paths in a file are relative to its folder: `./plugin` must not become `plugin`.
        return [Path(part).absolute() for part in listed]
    home = environ.get("HOME")
    return [(Path(home) if home else Path.home()) / ".kube" / "config"]


def _is_in_cluster(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("KUBERNETES_SERVICE_HOST"))


def _in_cluster(environ: Mapping[str, str], account: Path) -> ClusterAccess:
    host = environ["KUBERNETES_SERVICE_HOST"]
    port = environ.get("KUBERNETES_SERVICE_PORT") or "443"
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
        content = values.read(file)
        self._current = self._current or values.text(content, "current-context", file)
        for kind, known in self._named.items():
            for item in values.mappings(content, kind, file):
                name = values.text(item, "name", file)
                inner = values.mapping(item, kind.removesuffix("s"), file)
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
        cluster = values.text(context, "cluster", file)
        if not cluster:
            raise ConfigurationError(
                f"The context {name!r} of the kubeconfig {file} names no cluster."
            )
        user = values.text(context, "user", file)
        return ClusterAccess(
            _cluster(*self._get("clusters", cluster)),
            _user(*self._get("users", user)) if user else User(),
            values.text(context, "namespace", file) or "default",
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


def _cluster(content: dict[str, Any], file: Path) -> Cluster:
    server = values.text(content, "server", file)
    if not server:
        raise ConfigurationError(f"A cluster in the kubeconfig {file} has no server.")
    extensions = {
        values.text(item, "name", file): item.get("extension")
        for item in values.mappings(content, "extensions", file)
    }
    return Cluster(
        server,
        ca_data=values.data(content, "certificate-authority-data", file),
        ca_file=values.path(content, "certificate-authority", file),
        insecure=values.flag(content, "insecure-skip-tls-verify", file),
        tls_server_name=values.text(content, "tls-server-name", file),
        proxy_url=values.text(content, "proxy-url", file),
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
        token=values.secret(content, "token", file),
        token_file=values.path(content, "tokenFile", file),
        username=values.text(content, "username", file),
        password=values.text(content, "password", file),
        cert_data=values.data(content, "client-certificate-data", file),
        cert_file=values.path(content, "client-certificate", file),
        key_data=values.data(content, "client-key-data", file),
        key_file=values.path(content, "client-key", file),
        plugin=_plugin(values.mapping(content, "exec", file), file) if plugin else None,
        impersonation=_impersonation(content, file),
    )


def _plugin(content: dict[str, Any], file: Path) -> ExecPlugin:
    command = values.text(content, "command", file)
    if not command:
        raise ConfigurationError(f"An exec plugin in the kubeconfig {file} has no command.")
    if "/" in command:
        # Paths are relative to the file; a bare name is looked up in PATH.
        command = str(file.parent / command)
    env = {
        values.text(item, "name", file): values.text(item, "value", file)
        for item in values.mappings(content, "env", file)
    }
    return ExecPlugin(
        values.text(content, "apiVersion", file),
        command,
        values.words(content, "args", file),
        env,
        cluster_info=values.flag(content, "provideClusterInfo", file),
        interactive_mode=values.text(content, "interactiveMode", file) or "IfAvailable",
        install_hint=values.text(content, "installHint", file),
    )


def _impersonation(content: dict[str, Any], file: Path) -> tuple[tuple[str, str], ...]:
    name = values.text(content, "as", file)
    found = []
    if uid := values.text(content, "as-uid", file):
        found.append(("Impersonate-Uid", uid))
    groups = values.words(content, "as-groups", file)
    found += [("Impersonate-Group", group) for group in groups]
    extra = values.mapping(content, "as-user-extra", file)
    for key in extra:
        # A header's name has few characters; Kubernetes takes the others with a %.
        header = f"Impersonate-Extra-{quote(str(key), safe=_IN_HEADERS)}"
        found += [(header, value) for value in values.words(extra, key, file)]
    if found and not name:
        raise ConfigurationError(
            f"A user in the kubeconfig {file} acts for groups, and for no user: it has no 'as'."
        )
    return (("Impersonate-User", name), *found) if name else ()
