# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what the role external_secrets and a real operator make of changes, failures and removal, run by run."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from audit_log import AuditLog
from external_secrets_server import CrdBundle
from operator_pods import OperatorPods, operator_pods
from role_runs import RoleRun, RoleRunner
from sandbox_access import Kubectl
from vault_server import VaultServer
from waiting import wait_for

Json = dict[str, Any]
NAMESPACE = "op-serving"
NAME = "op"
CREDENTIALS = {
    "name": "credentials",
    "data": {"token": {"path": "ml/registry", "property": "token"}},
    # Nothing that happens within a test happens because an interval was over.
    "refresh_interval": "1h",
}


def stage(*secrets: Json) -> Json:
    return {
        "name": "serving",
        "namespace": NAMESPACE,
        "service_account": {"name": "ml-serving"},
        "pods": {"app": "serving"},
        "egress": ["dns"],
        "secrets": list(secrets),
    }


@dataclass(frozen=True)
class Site:
    """A cluster whose operators run, and a Vault that knows the stage."""

    kubectl: Kubectl
    vault: VaultServer
    pods: OperatorPods
    runner: RoleRunner
    variables: Json

    def run(self, *options: str, **variables: Any) -> RoleRun:
        """A run that must succeed."""
        done = self.attempt(*options, **variables)
        assert done.returncode == 0, f"{done.output}\n{self.pods.log}"
        return done

    def attempt(self, *options: str, **variables: Any) -> RoleRun:
        """A run that may fail."""
        return self.runner.attempt("external_secrets", *options, **{**self.variables, **variables})

    def secret(self, name: str = "credentials") -> Json | None:
        """The Secret that was brought."""
        return dict(found) if (found := self.kubectl.get("secret", name, NAMESPACE)) else None

    def token(self) -> str:
        """What is in it."""
        found = self.secret()
        assert found is not None
        return base64.b64decode(found["data"]["token"]).decode()

    def policy(self, mount: str) -> None:
        """Let the stage read in a mount."""
        text = (
            f'path "{mount}/data/ml/registry" {{ capabilities = ["read"] }}\n'
            'path "auth/token/lookup-self" { capabilities = ["read"] }\n'
            'path "auth/token/revoke-self" { capabilities = ["update"] }'
        )
        self.vault.request("PUT", f"sys/policies/acl/{NAME}-serving", {"policy": text})

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something."""
        wait_for(condition, lambda: self.pods.log, seconds)


@pytest.fixture(scope="module")
def site(
    kubectl: Kubectl, vault: VaultServer, crds: CrdBundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A namespace, and in Vault two KV mounts with the same value, an auth mount and a role."""
    home = tmp_path_factory.mktemp("operator")
    cluster = yaml.safe_load(kubectl.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
    config = {
        "kubernetes_host": cluster["server"],
        "kubernetes_ca_cert": base64.b64decode(cluster["certificate-authority-data"]).decode(),
        "disable_local_ca_jwt": True,
    }
    role = {
        "bound_service_account_names": "vault-reader",
        "bound_service_account_namespaces": NAMESPACE,
        "audience": "vault",
        "token_policies": f"{NAME}-serving",
        "token_ttl": "5m",
    }
    vault.request("POST", f"sys/auth/{NAME}", {"type": "kubernetes"})
    vault.request("POST", f"auth/{NAME}/config", config)
    vault.request("POST", f"auth/{NAME}/role/{NAME}-serving", role)
    for mount in (f"{NAME}-first", f"{NAME}-second"):
        vault.enable_kv(mount)
        vault.put(mount, "ml/registry", token=f"in {mount}")
    variables = {
        "gpu_cluster_stages": [stage(CREDENTIALS)],
        "gpu_cluster_vault_url": vault.url,
        "gpu_cluster_vault_ca_cert": str(vault.ca_cert),
        "gpu_cluster_vault_kv_mount": f"{NAME}-first",
        "gpu_cluster_vault_auth_mount": NAME,
        "gpu_cluster_vault_role_prefix": f"{NAME}-",
        "external_secrets_crds": str(crds.path),
        "external_secrets_crds_sha256": crds.sha256,
        "external_secrets_api_audience": "https://kubernetes.default.svc",
        "external_secrets_wait_timeout": 60,
    }
    kubectl("create", "namespace", NAMESPACE)
    with operator_pods(kubectl, home) as pods:
        site = Site(kubectl, vault, pods, RoleRunner(home, kubectl.kubeconfig), variables)
        site.policy(f"{NAME}-first")
        yield site
        site.run(external_secrets_state="absent", external_secrets_delete_crds=True)
        kubectl("delete", "namespace", NAMESPACE)


@pytest.fixture
def fetched(site: Site) -> Iterator[Site]:
    """The Secret of the stage is there."""
    site.run()
    yield site
    site.policy(f"{NAME}-first")
    site.run()


def test_a_second_run_after_the_operator_wrote_its_marks_sends_no_write(fetched: Site, audit: AuditLog) -> None:
    finalizers = fetched.kubectl.get("externalsecret", "credentials", NAMESPACE)["metadata"]["finalizers"]
    assert finalizers, "the operator has not taken it in hand"
    audit.mark()
    assert not fetched.run().changed
    assert audit.requests().writes == []


def test_a_store_that_changes_is_read_before_the_run_ends(fetched: Site) -> None:
    assert fetched.token() == f"in {NAME}-first"
    fetched.policy(f"{NAME}-second")
    fetched.run(gpu_cluster_vault_kv_mount=f"{NAME}-second")
    assert fetched.token() == f"in {NAME}-second"


def test_a_store_that_changes_for_the_worse_fails_the_run_with_the_words_of_vault(fetched: Site) -> None:
    before = fetched.secret()
    failed = fetched.attempt(gpu_cluster_vault_kv_mount=f"{NAME}-second", external_secrets_wait_timeout=10)
    assert failed.returncode != 0
    assert f"ExternalSecret {NAMESPACE}/credentials: not ready after 10 s" in failed.text
    assert f"{NAME}-second/data/ml/registry Code: 403" in failed.text
    assert "permission denied" in failed.text
    assert fetched.secret()["data"] == before["data"], "the old one is kept"


def test_a_run_after_the_repair_does_not_wait_for_the_operator_to_try_again(fetched: Site, audit: AuditLog) -> None:
    fetched.vault.request("DELETE", f"sys/policies/acl/{NAME}-serving")
    broken = {"gpu_cluster_vault_kv_mount": f"{NAME}-second"}
    fetched.attempt(**broken, external_secrets_wait_timeout=40)  # by now it waits for half a minute and more
    fetched.policy(f"{NAME}-second")
    fetched.run(**broken, external_secrets_wait_timeout=15)
    assert fetched.token() == f"in {NAME}-second"
    audit.mark()
    assert not fetched.run(**broken).changed
    assert audit.requests().writes == []


def test_an_account_that_is_gone_stops_nothing_for_good(fetched: Site) -> None:
    fetched.kubectl("delete", "serviceaccount", "vault-reader", "-n", NAMESPACE)
    failed = fetched.attempt(
        "--check", gpu_cluster_stages=[stage({**CREDENTIALS, "refresh_interval": "2h"})]
    )  # nothing is written, and the account is missed
    assert failed.counts["created"] == 1
    fetched.kubectl("annotate", "externalsecret", "credentials", "-n", NAMESPACE, "--overwrite", "force-sync=1")
    fetched.until(lambda: not is_ready(fetched, "externalsecret", "credentials"))
    fetched.run()
    assert is_ready(fetched, "externalsecret", "credentials")


def is_ready(site: Site, kind: str, name: str) -> bool:
    conditions = site.kubectl.get(kind, name, NAMESPACE).get("status", {}).get("conditions", [])
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def test_another_mode_keeps_the_secret(fetched: Site) -> None:
    before = fetched.secret()
    fetched.run(external_secrets_mode="cluster")
    fetched.until(lambda: [pod.namespace for pod in fetched.pods.pods] == ["external-secrets"])
    assert fetched.secret()["metadata"]["uid"] == before["metadata"]["uid"]
    fetched.run()
    fetched.until(lambda: [pod.namespace for pod in fetched.pods.pods] == [NAMESPACE])
    assert fetched.secret()["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_template_with_the_braces_of_the_operator_reaches_it_unchanged(fetched: Site) -> None:
    netrc = "machine registry.internal password {% raw %}{{ .token }}{% endraw %}"
    template = {"engineVersion": "v2", "data": {"netrc": netrc}}
    fetched.run(gpu_cluster_stages=[stage({**CREDENTIALS, "template": template})])
    data = fetched.secret()["data"]
    assert base64.b64decode(data["netrc"]).decode() == f"machine registry.internal password in {NAME}-first"


def test_absent_waits_until_the_operator_lets_go_and_owned_secrets_go_too(fetched: Site) -> None:
    orphan = {**CREDENTIALS, "name": "orphan", "creation_policy": "Orphan"}
    fetched.run(gpu_cluster_stages=[stage(CREDENTIALS, orphan)])
    fetched.run(external_secrets_state="absent")
    assert fetched.kubectl.names("externalsecrets", NAMESPACE) == set()
    fetched.until(lambda: fetched.secret() is None)
    assert fetched.secret("orphan") is not None
    fetched.kubectl("delete", "secret", "orphan", "-n", NAMESPACE)
    assert fetched.kubectl.names("deployments", NAMESPACE) == set()
