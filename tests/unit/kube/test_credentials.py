"""Tokens and certificates, fetched and renewed; nothing secret is shown."""

from __future__ import annotations

import json
import ssl
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta

import pytest

from devtools.tls import make_certificates
from dexec_kernel.errors import ConfigurationError, CredentialsRefused
from dexec_kernel.kube import credentials as module
from dexec_kernel.kube.credentials import Credentials, fetch
from dexec_kernel.kube.kubeconfig import Cluster, ClusterAccess, ExecPlugin, User

SECRET = "s3cret"
V1 = "client.authentication.k8s.io/v1"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
CLUSTER = Cluster("https://c", ca_data=b"CA", tls_server_name="n", plugin_config={"a": 1})


def access(user: User, cluster: Cluster = CLUSTER) -> ClusterAccess:
    return ClusterAccess(cluster, user, "default", "x", "file")


@pytest.fixture
def plugin(tmp_path):
    """Return a function that makes a plugin of a shell script."""

    def make(script: str, **changes: object) -> ExecPlugin:
        path = tmp_path / "plugin"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return ExecPlugin(**{"api_version": V1, "command": str(path), **changes})

    return make


def said(status: object) -> str:
    return f"echo '{json.dumps({'status': status})}'"


async def test_a_token_is_a_header_and_so_is_impersonation():
    user = User(token=SECRET, impersonation=(("Impersonate-User", "jane"),))
    found = Credentials(access(user), {})
    await found.ready()
    assert found.headers() == [("Impersonate-User", "jane"), ("Authorization", f"Bearer {SECRET}")]
    assert not await found.renew()
    assert Credentials(access(User()), {}).headers() == []
    basic = Credentials(access(User(username="u", password="p")), {})
    assert basic.headers() == [("Authorization", "Basic dTpw")]


async def test_a_token_file_is_read_each_time(tmp_path):
    file = tmp_path / "token"
    file.write_text("one\n")
    found = Credentials(access(User(token_file=str(file))), {})
    assert found.headers() == [("Authorization", "Bearer one")]
    file.write_text("two\n")
    assert found.headers() == [("Authorization", "Bearer two")]
    assert await found.renew()
    file.write_text("\n")
    with pytest.raises(ConfigurationError, match="is empty"):
        found.headers()
    file.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        found.headers()
    both = Credentials(access(User(token="three", token_file=str(file))), {})
    assert both.headers() == [("Authorization", "Bearer three")]


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (User(token=f"{SECRET}\nX: y"), "the token"),
        (User(token=f"{SECRET}é"), "the token"),
        (User(impersonation=(("Impersonate-User", f"{SECRET}\r"),)), "Impersonate-User"),
    ],
)
def test_what_no_header_can_have_is_not_sent_and_not_shown(user, name):
    with pytest.raises(ConfigurationError) as caught:
        Credentials(access(user), {}).headers()
    assert name in caught.value.message
    assert SECRET not in str(caught.value)


async def test_a_plugin_is_told_of_the_cluster_and_has_its_variables(plugin, real_time, tmp_path):
    log = tmp_path / "log"
    script = f'echo "$KUBERNETES_EXEC_INFO" >{log}; echo "$A $1" >>{log}\n{said({"token": SECRET})}'
    made = plugin(script, args=("x y",), env={"A": "b"}, cluster_info=True)
    found = Credentials(access(User(plugin=made)), {"PATH": "/usr/bin:/bin"})
    await found.ready()
    assert found.headers() == [("Authorization", f"Bearer {SECRET}")]
    info, rest = log.read_text().split("\n", 1)
    assert rest == "b x y\n"
    assert json.loads(info) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://c",
                "tls-server-name": "n",
                "certificate-authority-data": "Q0E=",
                "config": {"a": 1},
            },
        },
    }


async def test_a_plugin_runs_again_when_its_credential_ends_or_is_refused(
    plugin, real_time, tmp_path
):
    runs = tmp_path / "runs"
    expires = (NOW + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    script = f"echo x >>{runs}\n{said({'token': 't', 'expirationTimestamp': expires})}"
    clock = [NOW]
    found = Credentials(
        access(User(plugin=plugin(script))), {"PATH": "/usr/bin:/bin"}, now=lambda: clock[0]
    )
    for expected in (1, 1):
        await found.ready()
        assert len(runs.read_text().split()) == expected
    clock[0] = NOW + timedelta(minutes=59, seconds=55)
    await found.ready()
    assert len(runs.read_text().split()) == 2
    clock[0] = NOW
    assert await found.renew()
    await found.ready()
    assert len(runs.read_text().split()) == 3


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ("echo hello", "has printed no credential"),
        (said({}), "has printed no credential"),
        (said({"clientCertificateData": "x"}), "has printed no credential"),
        ("head -c 100000 /dev/zero | tr '\\0' '['", "has printed no credential"),
        (said({"token": SECRET, "expirationTimestamp": "soon"}), "has printed no credential"),
        ("echo log in first >&2; exit 3", "exit code 3: log in first"),
    ],
)
async def test_a_plugin_that_fails_says_why(plugin, real_time, script, word):
    with pytest.raises(CredentialsRefused) as caught:
        await fetch(plugin(script), CLUSTER, {"PATH": "/usr/bin:/bin"})
    assert word in caught.value.message
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_plugin_that_hangs_is_ended(plugin, real_time, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_PLUGIN_TIMEOUT", 0.05)
    with pytest.raises(CredentialsRefused, match="has printed nothing"):
        await fetch(plugin("exec sleep 600"), CLUSTER, {"PATH": "/usr/bin:/bin"})
    # And so are its children, which hold its pipes.
    with pytest.raises(CredentialsRefused, match="has printed nothing"):
        await fetch(plugin("sleep 600; :"), CLUSTER, {"PATH": "/usr/bin:/bin"})


async def test_a_plugin_has_no_terminal_and_no_input_to_ask_on(plugin, real_time):
    asks = f"read -r x && exit 1; (: </dev/tty) 2>/dev/null && exit 2\n{said({'token': 't'})}"
    found = await fetch(plugin(asks, interactive_mode="IfAvailable"), CLUSTER, {})
    assert found.token == "t"


async def test_what_a_plugin_says_besides_is_left_out(plugin, real_time):
    noise = "head -c 3000000 /dev/zero >&2\n"
    environ = {"PATH": "/usr/bin:/bin"}
    assert (await fetch(plugin(noise + said({"token": "t"})), CLUSTER, environ)).token == "t"
    with pytest.raises(CredentialsRefused, match="no credential"):
        await fetch(plugin("head -c 30000000 /dev/zero"), CLUSTER, environ)


async def test_a_plugin_may_speak_either_version_and_of_nanoseconds(plugin, real_time):
    old = "client.authentication.k8s.io/v1beta1"
    status = {"token": "t", "expirationTimestamp": "2030-01-01T00:00:00.123456789Z"}
    found = await fetch(plugin(said(status), api_version=old), CLUSTER, {})
    assert found.expires == NOW.replace(microsecond=123456)


async def test_a_clusters_certificate_that_is_missing_is_named_before_a_plugin_runs(plugin):
    cluster = Cluster("https://c", ca_file="/no/such/ca.pem")
    with pytest.raises(ConfigurationError, match=r"/no/such/ca\.pem"):
        await fetch(plugin("exit 0", cluster_info=True), cluster, {})


async def test_a_plugin_that_is_missing_says_how_to_get_it():
    missing = ExecPlugin(V1, "/no/such/plugin", install_hint="brew install it")
    with pytest.raises(CredentialsRefused) as caught:
        await fetch(missing, CLUSTER, {})
    assert caught.value.advice == "brew install it"
    with pytest.raises(CredentialsRefused, match="cannot be run"):
        await fetch(ExecPlugin(V1, "/bin/true", ("nul\0",)), CLUSTER, {})


@pytest.mark.parametrize(
    "changes",
    [{"api_version": "client.authentication.k8s.io/v1alpha1"}, {"interactive_mode": "Always"}],
)
async def test_a_plugin_that_asks_a_person_or_is_too_old_is_not_run(plugin, changes, tmp_path):
    with pytest.raises(ConfigurationError):
        await fetch(plugin(f"touch {tmp_path}/ran", **changes), CLUSTER, {})
    assert not (tmp_path / "ran").exists()


def test_certificates_are_loaded_and_leave_no_file(tmp_path, monkeypatch):
    make_certificates(tmp_path / "tls")
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    ca, cert, key = (
        (tmp_path / "tls" / name).read_bytes() for name in ("ca.pem", "cert.pem", "key.pem")
    )
    user = User(cert_data=cert, key_data=key)
    found = Credentials(access(user, Cluster("https://c", ca_data=ca)), {})
    context = found.tls()
    assert found.tls() is context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert list(folder.iterdir()) == []
    files = User(cert_file=str(tmp_path / "tls/cert.pem"), key_file=str(tmp_path / "tls/key.pem"))
    insecure = Cluster("https://c", ca_file=str(tmp_path / "tls/ca.pem"), insecure=True)
    assert module.tls_context(insecure, files, module.Credential()).verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    ("cluster", "user", "words"),
    [
        (
            Cluster("https://c", ca_file="/no/ca"),
            User(),
            "authority of the cluster in the kubeconfig cannot be used (/no/ca): No such file",
        ),
        (Cluster("https://c", ca_data=b"x"), User(), "authority of the cluster in the kubeconfig"),
        (
            Cluster("https://c"),
            User(cert_file="/no/crt", key_file="/no/key"),
            "client's certificate in the kubeconfig cannot be used (/no/crt): No such file",
        ),
        (
            Cluster("https://c"),
            User(cert_data=b"x", key_data=b"y"),
            "client's certificate in the kubeconfig cannot be used: ",
        ),
    ],
)
def test_a_certificate_that_cannot_be_used_is_named(cluster, user, words):
    with pytest.raises(ConfigurationError) as caught:
        module.tls_context(cluster, user, module.Credential())
    assert words in caught.value.message


def test_an_authority_counts_as_data_before_its_file(tmp_path):
    make_certificates(tmp_path)
    ca = (tmp_path / "ca.pem").read_bytes()
    context = module.tls_context(
        Cluster("https://c", ca_data=ca, ca_file="/no/such"), User(), module.Credential()
    )
    assert len(context.get_ca_certs()) == 1


def test_an_encrypted_key_is_refused_and_nobody_is_asked(tmp_path):
    make_certificates(tmp_path)
    command = ["openssl", "ec", "-in", "key.pem", "-out", "e.pem", "-aes128", "-passout", "pass:x"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    user = User(cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "e.pem"))
    with pytest.raises(ConfigurationError, match="the key is encrypted"):
        module.tls_context(Cluster("https://c"), user, module.Credential())


@pytest.mark.parametrize(
    "user",
    [
        User(cert_data=b"x", key_data=SECRET.encode()),
        User(cert_file="/no/such"),
        User(cert_file="/no/such", key_file="/no/such"),
    ],
)
def test_certificates_that_cannot_be_used_are_an_error(user):
    with pytest.raises(ConfigurationError) as caught:
        module.tls_context(Cluster("https://c"), user, module.Credential())
    assert SECRET not in str(caught.value)
