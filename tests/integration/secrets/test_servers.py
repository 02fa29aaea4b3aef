# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the servers of these tests are what they are taken for, with no role of the collection in between."""

from __future__ import annotations

import base64
import stat
import urllib.error
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from external_secrets_server import CrdBundle, RunOperator, nudge
from sandbox_access import Kubectl
from vault_server import VaultError, VaultServer
from waiting import wait_for

API_SERVER = "https://kubernetes.default.svc"


@pytest.fixture
def mount(vault: VaultServer) -> str:
    """A KV engine of version 2 for one test."""
    name = f"kv-{uuid.uuid4().hex[:8]}"
    vault.enable_kv(name)
    return name


@pytest.fixture
def auth_mount(vault: VaultServer, kubectl: Kubectl, namespace: str, mount: str) -> str:
    """A Kubernetes auth method that lets the account ``reader`` of the namespace read everything in ``mount``."""
    name = f"kubernetes-{namespace}"
    cluster = yaml.safe_load(kubectl.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
    config = {
        "kubernetes_host": cluster["server"],
        "kubernetes_ca_cert": base64.b64decode(cluster["certificate-authority-data"]).decode(),
        "disable_local_ca_jwt": True,
    }
    role = {
        "bound_service_account_names": "reader", "bound_service_account_namespaces": namespace,
        "audience": "vault", "token_policies": name, "token_ttl": "5m",
    }  # fmt: skip
    vault.request("POST", f"sys/auth/{name}", {"type": "kubernetes"})
    vault.request("POST", f"auth/{name}/config", config)
    vault.request("POST", f"auth/{name}/role/reader", role)
    vault.request("PUT", f"sys/policies/acl/{name}", {"policy": f'path "{mount}/data/*" {{ capabilities = ["read"] }}'})
    kubectl("create", "serviceaccount", "reader", "-n", namespace)
    return name


@pytest.fixture
def reviews_tokens(kubectl: Kubectl, namespace: str, auth_mount: str) -> Iterator[None]:
    """The account may review tokens, so that Vault can review its own."""
    subject = f"--serviceaccount={namespace}:reader"
    kubectl("create", "clusterrolebinding", namespace, "--clusterrole=system:auth-delegator", subject)
    yield
    kubectl("delete", "clusterrolebinding", namespace)


@pytest.fixture
def applied_crds(kubectl: Kubectl, crds: CrdBundle) -> Iterator[None]:
    """The operator's kinds; they are gone afterwards, as other tests want a cluster without."""
    kubectl("apply", "--server-side", "-f", str(crds.path))
    kubectl("wait", "--for=condition=Established", "-f", str(crds.path), "--timeout=60s")
    yield
    # An ExternalSecret that another test left waits for an operator that is gone.
    for item in kubectl("get", "externalsecrets", "-A")["items"]:
        place = (item["metadata"]["name"], "-n", item["metadata"]["namespace"])
        kubectl.run("patch", "externalsecret", *place, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    kubectl("delete", "-f", str(crds.path))


def token(kubectl: Kubectl, namespace: str, *audiences: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/reader/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": audiences}}
    done = kubectl.run("create", "--raw", path, stdin=body)
    return str(yaml.safe_load(done.stdout)["status"]["token"])


def test_vault_keeps_versions_of_a_secret(vault: VaultServer, mount: str) -> None:
    vault.put(mount, "ml/model-registry", **{"access-token": "first"})
    vault.put(mount, "ml/model-registry", **{"access-token": "second"})
    read = vault.get(mount, "ml/model-registry")
    assert (read["data"], read["metadata"]["version"]) == ({"access-token": "second"}, 2)


def test_vault_has_version_1_of_the_kv_engine_too(vault: VaultServer) -> None:
    vault.enable_kv("kv-old", version=1)
    vault.request("POST", "kv-old/ml/model-registry", {"access-token": "one"})
    assert vault.request("GET", "kv-old/ml/model-registry")["data"] == {"access-token": "one"}


def test_vault_logs_who_writes_and_not_what(vault: VaultServer, mount: str) -> None:
    audit = vault.audit
    vault.put(mount, "ml/model-registry", **{"access-token": "canary-of-the-audit-log"})
    vault.get(mount, "ml/model-registry")
    assert [(write.path, write.who) for write in audit.writes] == [(f"{mount}/data/ml/model-registry", "root")]
    assert "canary-of-the-audit-log" not in vault.audit_log.read_text(encoding="utf-8")


def test_vault_is_sealed_and_unsealed_by_its_own_api(vault: VaultServer, mount: str) -> None:
    vault.put(mount, "ml/model-registry", **{"access-token": "kept"})
    vault.seal()
    try:
        with pytest.raises(VaultError, match=r"503 .*Vault is sealed"):
            vault.get(mount, "ml/model-registry")
    finally:
        vault.unseal()
    assert vault.get(mount, "ml/model-registry")["data"] == {"access-token": "kept"}


def test_vault_keeps_what_it_knows_over_a_restart_at_the_same_address(vault: VaultServer, mount: str) -> None:
    vault.put(mount, "ml/model-registry", **{"access-token": "kept"})
    address = vault.url
    vault.stop()
    try:
        with pytest.raises(urllib.error.URLError, match="refused"):
            vault.get(mount, "ml/model-registry")
    finally:
        vault.start()
        vault.unseal()
    assert vault.url == address
    assert vault.get(mount, "ml/model-registry")["data"] == {"access-token": "kept"}


def test_the_keys_of_vault_are_in_a_file_of_its_user_alone(vault: VaultServer) -> None:
    assert stat.S_IMODE((vault.folder / "keys.json").stat().st_mode) == 0o600
    log = (vault.folder / "vault.log").read_text(encoding="utf-8")
    assert vault.root_token not in log and vault.unseal_key not in log


@pytest.mark.usefixtures("reviews_tokens")
def test_vault_reviews_a_token_of_the_real_api_server_with_that_token(
    vault: VaultServer, kubectl: Kubectl, namespace: str, mount: str, auth_mount: str
) -> None:
    vault.put(mount, "ml/model-registry", **{"access-token": "value"})
    client = vault.login(auth_mount, "reader", token(kubectl, namespace, "vault", API_SERVER))
    assert vault.request("GET", f"{mount}/data/ml/model-registry", token=client)["data"]["data"] == {
        "access-token": "value"
    }
    with pytest.raises(VaultError, match="403"):
        vault.request("POST", f"{mount}/data/ml/model-registry", {"data": {}}, token=client)


@pytest.mark.usefixtures("reviews_tokens")
@pytest.mark.parametrize("audiences", [("vault",), (API_SERVER,)])
def test_vault_refuses_a_token_without_both_audiences(
    vault: VaultServer, kubectl: Kubectl, namespace: str, auth_mount: str, audiences: tuple[str, ...]
) -> None:
    with pytest.raises(VaultError, match=r"403 .*permission denied|invalid audience"):
        vault.login(auth_mount, "reader", token(kubectl, namespace, *audiences))


@pytest.mark.usefixtures("reviews_tokens", "applied_crds")
def test_the_operator_brings_a_value_of_vault_and_its_rotation(
    vault: VaultServer,
    kubectl: Kubectl,
    kubeconfig: Path,
    namespace: str,
    mount: str,
    auth_mount: str,
    external_secrets: RunOperator,
) -> None:
    vault.put(mount, "ml/model-registry", **{"access-token": "first"})
    for manifest in (store(vault, namespace, mount, auth_mount), external_secret(namespace)):
        kubectl("apply", "--server-side", stdin=manifest)
    with external_secrets(kubeconfig, ["--concurrent=1", f"--namespace={namespace}", "--loglevel=info"]) as operator:
        wait_for(lambda: value(kubectl, namespace) == b"first", lambda: operator.log)
        vault.put(mount, "ml/model-registry", **{"access-token": "second"})
        nudge(kubectl, "externalsecret", "registry", namespace)
        wait_for(lambda: value(kubectl, namespace) == b"second", lambda: operator.log)
        kubectl("delete", "externalsecret", "registry", "-n", namespace)  # which only the operator lets go
    assert "forbidden" not in operator.log


def store(vault: VaultServer, namespace: str, mount: str, auth_mount: str) -> dict[str, Any]:
    account = {"name": "reader", "audiences": ["vault", API_SERVER]}
    provider = {
        "server": vault.url,
        "path": mount,
        "version": "v2",
        "caBundle": base64.b64encode(vault.ca_cert.read_bytes()).decode(),
        "auth": {"kubernetes": {"mountPath": auth_mount, "role": "reader", "serviceAccountRef": account}},
    }
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "SecretStore",
        "metadata": {"name": "vault", "namespace": namespace},
        "spec": {"provider": {"vault": provider}},
    }


def external_secret(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "registry", "namespace": namespace},
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": {"name": "vault", "kind": "SecretStore"},
            "data": [{"secretKey": "token", "remoteRef": {"key": "ml/model-registry", "property": "access-token"}}],
        },
    }


def value(kubectl: Kubectl, namespace: str) -> bytes | None:
    secret = kubectl.get("secret", "registry", namespace)
    return base64.b64decode(secret["data"]["token"]) if secret else None
