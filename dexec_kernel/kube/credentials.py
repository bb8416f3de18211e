"""What proves to a cluster who we are: a token or a certificate, fetched and renewed as needed.

Nothing secret is kept in a file longer than OpenSSL takes to read it, or shown anywhere.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import re
import signal
import ssl
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dexec_kernel.engine.http.tls import load_certificate
from dexec_kernel.errors import ConfigurationError, CredentialsRefused
from dexec_kernel.kube.kubeconfig import Cluster, ClusterAccess, ExecPlugin, User, user_now

_log = logging.getLogger(__name__)
_header_value = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_HEADERS = {"Authorization": "the token"}
_API_GROUP = "client.authentication.k8s.io/"
_VERSIONS = (f"{_API_GROUP}v1", f"{_API_GROUP}v1beta1")
#: In seconds: for a plugin to print its credentials.
_PLUGIN_TIMEOUT = 60.0
#: A credential that ends so soon is fetched again.
_SPARE = timedelta(seconds=10)
#: In bytes: no credential is longer.
_MAX_OUTPUT = 1024 * 1024
#: In characters: what an error shows of a plugin's own words.
_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Credential:
    """What a plugin has printed. ``expires`` is None where it has not said."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    expires: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it can still be used."""
        return self.expires is None or now + _SPARE < self.expires


class Credentials:
    """The credentials of one cluster access: fetch with :meth:`ready`, then use.

    ``now`` is the clock.
    """

    def __init__(
        self,
        access: ClusterAccess,
        environ: Mapping[str, str] | None = None,
        *,
        now: Any = lambda: datetime.now(UTC),
    ) -> None:
        self._access = access
        self._environ = os.environ if environ is None else environ
        self._now = now
        self._fetched: Credential | None = None
        self._fetching = asyncio.Lock()
        self._context: tuple[tuple[str, str], ssl.SSLContext] | None = None

    async def renew(self) -> bool:
        """Forget what the cluster has refused; return whether it may be followed by another.

        The kubeconfig is read again, as the user may have logged in on a terminal.
        """
        self._fetched = None
        user = await asyncio.to_thread(user_now, self._access, self._environ)
        is_other = user != self._access.user
        self._access = replace(self._access, user=user)
        if is_other:
            self._context = None
        return is_other or user.plugin is not None or bool(user.token_file)

    async def ready(self) -> None:
        """Have a credential that is valid now. Raises :class:`CredentialsRefused`."""
        plugin = self._access.user.plugin
        if plugin is None:
            return
        async with self._fetching:
            if self._fetched is None or not self._fetched.is_valid(self._now()):
                self._fetched = await fetch(plugin, self._access.cluster, self._environ)

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of a request. Raises :class:`ConfigurationError` without its file."""
        user = self._access.user
        headers = list(user.impersonation)
        token = self._fetched.token if self._fetched else _token(user)
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        elif user.username:
            pair = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
            headers.append(("Authorization", f"Basic {pair}"))
        for name, value in headers:
            if not _header_value.fullmatch(value):
                # What it is stays unsaid.
                raise ConfigurationError(
                    f"The kubeconfig's user cannot be sent: {_HEADERS.get(name, name)} has"
                    " characters that a header cannot have, such as a line feed."
                )
        return headers

    def tls(self) -> ssl.SSLContext:
        """Return the TLS context. Raises :class:`ConfigurationError` for unusable certificates."""
        fetched = self._fetched or Credential()
        key = (fetched.certificate, fetched.key)
        if self._context is None or self._context[0] != key:
            self._context = key, tls_context(self._access.cluster, self._access.user, fetched)
        return self._context[1]


def _token(user: User) -> str:
    """Return the token; one in a file is rotated, so that the file is read each time."""
    if user.token_file:
        try:
            if token := Path(user.token_file).read_text(encoding="utf-8").strip():
                return token
        except (OSError, ValueError) as error:
            if not user.token:
                raise ConfigurationError(
                    f"The token file {user.token_file} cannot be read."
                ) from error
        if not user.token:
            raise ConfigurationError(f"The token file {user.token_file} is empty.")
    return user.token


def tls_context(cluster: Cluster, user: User, fetched: Credential) -> ssl.SSLContext:
    """Return the context for a cluster. Raises :class:`ConfigurationError`."""
    what = "authority of the cluster"
    file = "" if cluster.ca_data else cluster.ca_file  # The data count where there is a file, too.
    try:
        data = _certificates(cluster.ca_data) if cluster.ca_data else None
        context = ssl.create_default_context(cafile=file or None, cadata=data)
        names = [name for name in (user.cert_file, user.key_file) if name]
        missing = [name for name in names if not Path(name).is_file()]
        what, file = "client's certificate", "".join([*missing, *names][:1])
        # Clusters' own authorities often lack what newer Pythons ask of them.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        # Python before 3.11.4 takes a stream that was cut off for one that has ended.
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        if cluster.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        _load_certificate(context, user, fetched)
    except (OSError, ValueError) as error:
        # The cause may name private files only.
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        where = f" ({file})" if file else ""
        raise ConfigurationError(
            f"The {what} in the kubeconfig cannot be used{where}: {why}."
        ) from None
    return context


def _certificates(data: bytes) -> str | bytes:
    return data.decode("ascii") if b"-----BEGIN" in data else data


def _load_certificate(context: ssl.SSLContext, user: User, fetched: Credential) -> None:
    certificate = fetched.certificate.encode() or user.cert_data
    key = fetched.key.encode() or user.key_data
    if not certificate and not user.cert_file:
        return
    if not key and not user.key_file:
        raise ValueError("there is a client certificate without its key")
    with tempfile.TemporaryDirectory(prefix="dexec-") as folder:  # Of mode 700.
        names = []
        for name, data, file in (("c", certificate, user.cert_file), ("k", key, user.key_file)):
            path = Path(folder, name)
            if data:
                path.touch(mode=0o600)
                path.write_bytes(data)
            names.append(path if data else Path(file))
        load_certificate(context, names[0], names[1])


async def fetch(plugin: ExecPlugin, cluster: Cluster, environ: Mapping[str, str]) -> Credential:
    """Run a plugin and return its credential. It can ask nobody.

    Raises :class:`CredentialsRefused`, or :class:`ConfigurationError` for one that has to ask.
    """
    if plugin.api_version not in _VERSIONS:
        raise ConfigurationError(
            f"The kubeconfig's exec plugin {plugin.command!r} speaks {plugin.api_version!r}.",
            advice=f"Let it speak {_VERSIONS[0]}: its tool writes a newer kubeconfig.",
        )
    if plugin.interactive_mode == "Always":
        raise ConfigurationError(
            f"The kubeconfig's exec plugin {plugin.command!r} always asks a person, and a kernel"
            " has no terminal for that.",
            advice="Set its interactiveMode to IfAvailable, and log in on a terminal before.",
        )
    spec: dict[str, object] = {"interactive": False}
    if plugin.cluster_info:
        spec["cluster"] = _cluster_info(cluster)
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    env = {**environ, **plugin.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    output = await _run(plugin, env)
    try:
        return _credential(json.loads(output))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        # The cause would show what may be a secret.
        raise CredentialsRefused(
            f"The exec plugin {plugin.command!r} has printed no credential."
        ) from None


async def _run(plugin: ExecPlugin, env: Mapping[str, str]) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *plugin.args,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Nobody looks at the terminal that Jupyter was started from.
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise CredentialsRefused(
            f"The exec plugin {plugin.command!r} of the kubeconfig cannot be run:"
            f" {error.strerror if isinstance(error, OSError) else error}.",
            advice=plugin.install_hint.strip() or "Install it, or get another kubeconfig.",
        ) from error
    try:
        async with asyncio.timeout(_PLUGIN_TIMEOUT):
            output, said = await asyncio.gather(_all(process.stdout), _all(process.stderr))
            await process.wait()
    except TimeoutError as error:
        raise CredentialsRefused(
            f"The exec plugin {plugin.command!r} has printed nothing in {_PLUGIN_TIMEOUT:g} s.",
            advice="It may wait for a person. Log in with it on a terminal before.",
        ) from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):  # Its own children are of its group.
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        words = said.decode("utf-8", "replace").strip()[-_SHOWN:]
        raise CredentialsRefused(
            f"The exec plugin {plugin.command!r} has failed with exit code"
            f" {process.returncode}{f': {words}' if words else '.'}",
            advice="Log in with it on a terminal: `kubectl get pods` shows whether it works.",
        )
    return output


async def _all(reader: asyncio.StreamReader | None) -> bytes:
    """Return what a plugin prints; of what nobody needs, the end is kept."""
    assert reader is not None  # noqa: S101 -- both are pipes
    said = b""
    while data := await reader.read(_MAX_OUTPUT):
        said = (said + data)[-_MAX_OUTPUT:]
    return said


def _cluster_info(cluster: Cluster) -> dict[str, object]:
    info: dict[str, object] = {"server": cluster.server}
    if cluster.tls_server_name:
        info["tls-server-name"] = cluster.tls_server_name
    if cluster.insecure:
        info["insecure-skip-tls-verify"] = True
    data = cluster.ca_data
    if not data and cluster.ca_file:
        try:
            data = Path(cluster.ca_file).read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"The cluster's certificate {cluster.ca_file} cannot be read: {error.strerror}."
            ) from error
    if data:
        info["certificate-authority-data"] = base64.b64encode(data).decode()
    if cluster.proxy_url:
        info["proxy-url"] = cluster.proxy_url
    info["config"] = cluster.plugin_config
    return info


def _credential(content: Any) -> Credential:
    status = content["status"]
    token, certificate, key = (
        str(status.get(name) or "") for name in ("token", "clientCertificateData", "clientKeyData")
    )
    if not token and not (certificate and key):
        raise ValueError("no token, and no certificate with its key")
    expires = status.get("expirationTimestamp")
    found = datetime.fromisoformat(expires) if expires else None
    if found is not None and found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return Credential(token, certificate, key, found)
