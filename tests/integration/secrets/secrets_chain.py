# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole chain of a Secret: the main job, Vault, the operator as the account of its Deployment, the API server."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from external_secrets_server import CrdBundle
from harden_runs import Playbook
from operator_pods import OperatorPods, operator_pods
from sandbox_access import Kubectl
from vault_server import VaultServer
from waiting import wait_for

Json = dict[str, Any]
ACCOUNT = "vault-reader"
REST_OF_THE_JOB = ("admission_policies", "gpu_nodes", "device_plugin", "dcgm_exporter", "falco", "gpu_alerts")
IMAGE = "ghcr.io/external-secrets/external-secrets"
API_SERVER = "https://kubernetes.default.svc"


def stage(name: str, *secrets: Json) -> Json:
    """A stage in a namespace that no other test uses."""
    return {
        "name": name,
        "namespace": f"chain-{name}",
        "service_account": {"name": f"ml-{name}"},
        "pods": {"app": name},
        "egress": ["dns"],
        "secrets": list(secrets),
    }


REGISTRY = {
    "name": "model-registry-credentials",
    "data": {
        "registry-token": {"path": "ml/model-registry", "property": "access-token"},
        "signing-key": {"path": "ml/model-signing", "property": "cosign-private-key"},
    },
    "refresh_interval": "2s",
}
DATA_LAKE = {
    "name": "data-lake-credentials",
    "data": {"access-key": {"path": "ml/data-lake", "property": "access-key"}},
    "refresh_interval": "2s",
}
STAGES = [stage("training", DATA_LAKE), stage("serving", REGISTRY), stage("monitoring")]
TRAINING, SERVING, MONITORING = (item["namespace"] for item in STAGES)


FIRST_VALUES = {
    "ml/model-registry": {"access-token": "token-of-the-first-day"},
    "ml/model-signing": {"cosign-private-key": "key-of-the-first-day"},
    "ml/data-lake": {"access-key": "access-of-the-first-day"},
}


@dataclass(frozen=True)
class Chain:
    """Everything that a value passes on its way.

    Attributes:
        name: of its mounts and policies in Vault, so that several chains share one.
        values: file with the initial values, for nobody else.
        variables: what every run of the main job gets.
    """

    name: str
    playbook: Playbook
    kubectl: Kubectl
    vault: VaultServer
    pods: OperatorPods
    values: Path
    variables: Json

    @property
    def kv_mount(self) -> str:
        """Mount of the KV engine."""
        return str(self.variables["gpu_cluster_vault_kv_mount"])

    @property
    def auth_mount(self) -> str:
        """Mount of the auth method."""
        return str(self.variables["gpu_cluster_vault_auth_mount"])

    def attempt(self, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run the main job, which may fail."""
        cluster = {"one": self.kubectl.kubeconfig}
        return self.playbook(cluster, "-e", f"@{self.values}", *options, **{**self.variables, **variables})

    def harden(self, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run the main job, which must succeed."""
        done = self.attempt(*options, **variables)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.pods.log}"
        return done

    def put(self, path: str, **values: str) -> None:
        """Write a value, as its owner does."""
        self.vault.put(self.kv_mount, path, **values)

    def secret(self, namespace: str, name: str) -> dict[str, str] | None:
        """What a Secret holds."""
        found = self.kubectl.get("secret", name, namespace)
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()} if found else None

    def is_ready(self, namespace: str, name: str) -> bool:
        """Whether the last attempt of the operator to bring an ExternalSecret succeeded."""
        found = self.kubectl.get("externalsecret", name, namespace) or {}
        conditions = found.get("status", {}).get("conditions", [])
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    def wait_until(self, condition: Callable[[], bool], seconds: float = 480) -> None:
        """Wait until something is true; after failures the operator waits for up to seven minutes."""
        wait_for(condition, lambda: self.pods.log, seconds)

    def token(self, namespace: str, *audiences: str, account: str = ACCOUNT) -> str:
        """A token of an account for some audiences."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": audiences}}
        done = self.kubectl.run("create", "--raw", path, stdin=body)
        return str(json.loads(done.stdout)["status"]["token"])

    def login(self, namespace: str, stage_name: str) -> str:
        """A token of Vault for the account of a stage, as the operator gets it."""
        token = self.token(namespace, "vault", API_SERVER)
        return self.vault.login(self.auth_mount, f"{self.name}-{stage_name}", token)


def settings_here(kubectl: Kubectl, vault: VaultServer, crds: CrdBundle) -> Json:
    """What differs from the defaults as Vault and API server are on this machine, and no node pulls an image."""
    server = yaml.safe_load(kubectl.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]["server"]
    return {
        "gpu_cluster_vault_url": vault.url,
        "gpu_cluster_vault_ca_cert": str(vault.ca_cert),
        "vault_manage": True,
        "admission_policies_vault_users": ["kubernetes-admin"],  # Vault is to refuse tokens by itself
        "external_secrets_image": {"repository": IMAGE, "tag": crds.version, "digest": f"sha256:{'0' * 64}"},
        "external_secrets_crds": str(crds.path),
        "external_secrets_crds_sha256": crds.sha256,
        "external_secrets_api_audience": API_SERVER,
        "external_secrets_api_server": [{"cidr": "127.0.0.1/32", "ports": [{"port": urlsplit(server).port}]}],
    }


@contextmanager
def running_chain(
    home: Path, name: str, kubectl: Kubectl, vault: VaultServer, crds: CrdBundle, **variables: Any
) -> Iterator[Chain]:
    """Make ready what the main job needs, and take away what it made."""
    values = home / "values.json"
    values.touch(mode=0o600)
    values.write_text(json.dumps({"vault_values": FIRST_VALUES}), encoding="utf-8")
    settings = {
        **settings_here(kubectl, vault, crds),
        "gpu_cluster_stages": STAGES,
        "gpu_cluster_prometheus": {"namespace": MONITORING, "pods": {"app": "monitoring"}},
        "gpu_cluster_vault_kv_mount": name,
        "gpu_cluster_vault_auth_mount": f"kubernetes-{name}",
        "gpu_cluster_vault_role_prefix": f"{name}-",
        **variables,
    }
    playbook = Playbook(home, {"VAULT_TOKEN": vault.root_token})
    with operator_pods(kubectl, home) as pods:
        chain = Chain(name, playbook, kubectl, vault, pods, values, settings)
        try:
            yield chain
        finally:
            gone = {f"{role}_state": "absent" for role in (*REST_OF_THE_JOB, "vault", "external_secrets")}
            chain.harden(external_secrets_delete_crds=True, **gone)
            kubectl("delete", "namespace", TRAINING, SERVING, MONITORING)
