"""The configuration that kubectl would take."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import pytest

from dexec_kernel.errors import ConfigurationError
from dexec_kernel.kube.kubeconfig import ClusterAccess, find_access, is_configured

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


def user(**content: object) -> dict[str, object]:
    return config(users=[{"name": "u", "user": content}])


def plugin(**content: object) -> dict[str, object]:
    api = {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws"}
    return user(exec={**api, **content})


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
    def of(command: str):
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

    found = of("aws")
    assert (found.command, found.args, found.env) == ("aws", ("get", SECRET), {"A": SECRET})
    assert (found.cluster_info, found.interactive_mode) == (True, "Never")
    assert of("./bin/x").command == str(tmp_path / "0" / "bin" / "x")
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
        (config(contexts=[{"name": "x", "context": {"user": "u"}}]), "names no cluster"),
        (config(contexts=[{"name": "x", "context": {"cluster": "c", "user": "v"}}]), "user 'v'"),
        (
            config(
                clusters=[
                    {"name": "c", "cluster": {"server": "c", "insecure-skip-tls-verify": "false"}}
                ]
            ),
            "insecure-skip-tls-verify is not true or false",
        ),
        (user(**{"as": "jane", "as-groups": SECRET}), "as-groups is not a list"),
        (user(**{"as": "jane", "as-user-extra": {"k": SECRET}}), "k is not a list"),
        (user(**{"as-groups": ["g"]}), "has no 'as'"),
        (user(exec="aws"), "exec is not an object"),
        (plugin(command=""), "has no command"),
        (plugin(args=SECRET), "args is not a list"),
        (plugin(env={"A": SECRET}), "env is not a list"),
        (plugin(provideClusterInfo="yes"), "provideClusterInfo is not true or false"),
        (config(clusters=[{"name": "c", "cluster": {}}]), "has no server"),
        (
            config(users=[{"name": "u", "user": {"client-key-data": f"{SECRET}!"}}]),
            "client-key-data is not base64",
        ),
        (config(users=[{"name": "u", "user": {"client-key-data": "%%%%"}}]), "is not base64"),
        (
            config(users=[{"name": "u", "user": {"client-key-data": "DATA+OMITTED"}}]),
            "client-key-data was left out by `kubectl config view`",
        ),
        (
            config(users=[{"name": "u", "user": {"token": "REDACTED"}}]),
            "token was left out by `kubectl config view`",
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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "Is a directory"),
        (b"\0\1\2", "is not YAML"),
        (b"\xff\xfe\xff", "is not YAML"),
        (b"#" * 1_000 + b"\n" * 16_777_216, "has more than"),
        (b"[" * 100_000, "is not YAML"),
    ],
    ids=["folder", "binary", "no text", "long", "nested"],
)
def test_a_file_that_is_no_kubeconfig_says_so(tmp_path, content, words):
    file = tmp_path / "config"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        find_access({"KUBECONFIG": str(file)})
    assert words in caught.value.message
    assert str(file) in caught.value.message


_YAML = f"""
x-user: &user {{token: {SECRET}}}
clusters: [{{name: 2024-01-02, cluster: {{server: "https://c"}}}}]
users: [{{name: 007, user: *user}}]
contexts:
- name: on
  context: {{cluster: 2024-01-02, user: 007, namespace: null}}
current-context: on
"""


@pytest.mark.parametrize(
    "encoded",
    [
        _YAML.encode(),
        _YAML.replace("\n", "\r\n").encode(),
        _YAML.encode("utf-8-sig"),
        _YAML.encode("utf-16"),  # As PowerShell's `>` writes it.
        json.dumps(config(), indent="\t").encode(),
        json.dumps(config()).encode("utf-8-sig"),
    ],
    ids=["yaml", "crlf", "bom", "utf-16", "tabs", "json-bom"],
)
def test_a_file_is_read_however_it_was_written(tmp_path, encoded):
    file = tmp_path / "config"
    file.write_bytes(encoded)
    found = find_access({"KUBECONFIG": f":{tmp_path}/none::{file}:"})
    assert found.user.token == SECRET
    assert found.cluster.server.startswith("https://c")


def test_paths_in_a_file_of_this_folder_are_in_this_folder(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(plugin(command="./login"))
    found = find_access({"KUBECONFIG": "config"})
    # Without a folder it would be looked up in PATH.
    assert found.user.plugin.command == str(tmp_path / "login")


def test_whom_requests_are_made_for_fits_into_headers(access):
    extra = {"example.com/scope %": ["a b", 7]}
    found = access(user(**{"as": "jane", "as-uid": 5, "as-user-extra": extra}))
    assert found.user.impersonation == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "5"),
        ("Impersonate-Extra-example.com%2Fscope%20%25", "a b"),
        ("Impersonate-Extra-example.com%2Fscope%20%25", "7"),
    )


def test_a_pod_without_a_token_is_no_way_to_its_cluster(tmp_path):
    environ = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBECONFIG": ""}
    assert not is_configured(environ, account=tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        find_access(environ, account=tmp_path)
    assert "automountServiceAccountToken" in caught.value.advice
    Path(tmp_path, "token").touch()
    assert is_configured(environ, account=tmp_path)
    found = find_access({**environ, "KUBERNETES_SERVICE_PORT": ""}, account=tmp_path)
    assert (found.cluster.server, found.namespace) == ("https://10.0.0.1:443", "default")


def test_a_file_is_a_way_to_a_cluster(write):
    assert is_configured({"KUBECONFIG": write(config())})
    assert not is_configured({"KUBECONFIG": "/no/such/config"})


def test_without_the_extra_the_command_that_installs_it_is_named(access, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigurationError) as caught:
        access("current-context: x")
    assert "pip install 'dexec-kernel[kubernetes]'" in caught.value.advice
