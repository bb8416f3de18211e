"""The configuration that kubectl would take."""

from __future__ import annotations

import base64
import json
import sys

import pytest

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube.kubeconfig import ClusterAccess, find_access

SECRET = "s3cret"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def config(**changes: object) -> dict[str, object]:
    return {
        "clusters": [{"name": "c", "cluster": {"server": "https://c:6443/prefix"}}],
        "users": [{"name": "u", "user": {"token": SECRET}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "lab"}}],
        "current-context": "x",
        **changes,
    }


@pytest.fixture
def write(tmp_path):
    def write(content: object, name: str = "config") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


@pytest.fixture
def access(write):
    def access(*contents: object, context: str = "") -> ClusterAccess:
        files = [write(content, f"{number}/config") for number, content in enumerate(contents)]
        return find_access({"KUBECONFIG": ":".join(["", *files])}, context=context)

    return access


def test_the_current_context_leads_to_a_cluster_a_user_and_a_namespace(access):
    found = access(config())
    assert found.cluster.server == "https://c:6443/prefix"
    assert (found.user.token, found.namespace, found.context) == (SECRET, "lab", "x")
    assert SECRET not in repr(found)


def test_without_kubeconfig_the_file_in_the_home_folder_is_read(write, tmp_path):
    write(config(), ".kube/config")
    assert find_access({"HOME": str(tmp_path)}).context == "x"


def test_of_several_files_the_first_that_says_something_counts(access):
    other = config(
        users=[{"name": "u", "user": {"token": "other"}}, {"name": "v", "user": {}}],
        contexts=[
            {"name": "x", "context": {"cluster": "c", "user": "v"}},
            {"name": "y", "context": {"cluster": "c", "user": "u"}},
        ],
    )
    other["current-context"] = "y"
    first = config(contexts=[])
    del first["current-context"]
    found = access(first, other)
    assert (found.context, found.user.token, found.namespace) == ("y", SECRET, "default")
    assert access(config(), other, context="y").context == "y"


def test_paths_are_relative_to_their_file_and_data_is_base64(access, tmp_path):
    found = access(
        config(
            clusters=[
                {
                    "name": "c",
                    "cluster": {
                        "server": "https://c",
                        "certificate-authority": "ca.pem",
                        "certificate-authority-data": b64("CA"),
                        "insecure-skip-tls-verify": True,
                        "tls-server-name": "other",
                        "proxy-url": f"http://u:{SECRET}@proxy",
                    },
                }
            ],
            users=[
                {
                    "name": "u",
                    "user": {
                        "client-certificate": "/abs/c.pem",
                        "client-key-data": b64(SECRET),
                        "tokenFile": "t",
                        "as": "jane",
                        "as-groups": ["g1", "g2"],
                        "as-user-extra": {"scope": ["a"]},
                    },
                }
            ],
        )
    )
    cluster, user = found.cluster, found.user
    assert cluster.ca_file == str(tmp_path / "0" / "ca.pem")
    assert (cluster.ca_data, cluster.insecure, cluster.tls_server_name) == (b"CA", True, "other")
    assert (user.cert_file, user.key_data) == ("/abs/c.pem", SECRET.encode())
    assert user.token_file == str(tmp_path / "0" / "t")
    assert user.impersonation == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "g1"),
        ("Impersonate-Group", "g2"),
        ("Impersonate-Extra-scope", "a"),
    )
    assert SECRET not in repr(found)


def test_an_exec_plugin_is_read(access, tmp_path):
    def plugin(command: str):
        content = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "args": ["get", SECRET],
            "env": [{"name": "A", "value": SECRET}],
            "provideClusterInfo": True,
            "interactiveMode": "Never",
            "installHint": "install it",
        }
        return access(config(users=[{"name": "u", "user": {"exec": content}}])).user.plugin

    found = plugin("aws")
    assert (found.command, found.args, found.env) == ("aws", ("get", SECRET), {"A": SECRET})
    assert (found.cluster_info, found.interactive_mode) == (True, "Never")
    assert plugin("./bin/x").command == str(tmp_path / "0" / "bin" / "x")
    assert SECRET not in repr(found)


def test_in_a_pod_the_service_account_is_used(tmp_path):
    account = tmp_path / "account"
    account.mkdir()
    environ = {
        "HOME": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": "fd00::1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    with pytest.raises(ConfigurationError):
        find_access(environ, account=account)
    (account / "token").write_text("t")
    (account / "ca.crt").write_text("ca")
    (account / "namespace").write_text("hub\n")
    found = find_access(environ, account=account)
    assert found.cluster.server == "https://[fd00::1]:443"
    assert found.cluster.ca_file == str(account / "ca.crt")
    assert (found.user.token_file, found.namespace) == (str(account / "token"), "hub")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "No Kubernetes cluster is configured"),
        ("{", "is not YAML"),
        ("- a", "the file is not an object"),
        (f"token: {SECRET}: {SECRET}", "is not YAML"),
        ({"clusters": "x"}, "clusters is not a list"),
        ({"clusters": [{"name": ["x"]}]}, "name is not text"),
        (config(clusters=[]), "no cluster 'c'"),
        (config(users=[]), "no user 'u'"),
        (config(contexts=[]), "no context 'x'"),
        ({**config(), "current-context": ""}, "no current context"),
        (config(clusters=[{"name": "c", "cluster": {}}]), "has no server"),
        (
            config(users=[{"name": "u", "user": {"client-key-data": f"{SECRET}!"}}]),
            "client-key-data is not base64",
        ),
        (
            config(users=[{"name": "u", "user": {"auth-provider": {"name": "gcp"}}}]),
            "auth-provider",
        ),
    ],
)
def test_what_cannot_be_used_is_named_and_not_shown(access, content, word):
    with pytest.raises(ConfigurationError) as caught:
        access(content)
    assert word in caught.value.message
    assert SECRET not in str(caught.value)
    assert SECRET not in str(caught.value.__cause__)


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        find_access({"KUBECONFIG": str(tmp_path)})


def test_without_the_extra_the_command_that_installs_it_is_named(access, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigurationError) as caught:
        access(config())
    assert "pip install 'dexec-kernel[kubernetes]'" in caught.value.advice
