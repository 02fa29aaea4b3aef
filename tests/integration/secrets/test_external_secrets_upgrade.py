# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the API server takes all that is applied with the definitions of 2.9.0, also where 0.20.4 was before."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.settings import GENERATORS
from audit_log import AuditLog
from external_secrets_server import published_crds
from role_runs import RoleRun, RoleRunner
from sandbox_access import CHECKOUT, Kubectl

BUNDLE = CHECKOUT / "tests/data/external-secrets/crds-2.9.0.yaml.gz"
IMAGE = "ghcr.io/external-secrets/external-secrets"
NAMESPACE = "eso-upgrade"
NAME = "external-secrets"
GROUP = "external-secrets.io"
STAGES = [
    {
        "name": "upgrade",
        "namespace": NAMESPACE,
        "service_account": {"name": "ml-upgrade"},
        "pods": {"app": "upgrade"},
        "egress": ["dns"],
        "secrets": [
            {
                "name": "credentials",
                "data": {"token": {"path": "ml/registry", "property": "token"}, "all": {"path": "ml/all"}},
                "template": {"type": "Opaque", "metadata": {"labels": {"team": "ml"}}},
            },
            {"name": "once", "data": {"key": {"path": "ml/key"}}, "refresh_interval": "0", "creation_policy": "Orphan"},
        ],
    }
]


@dataclass(frozen=True)
class Role:
    """Runs the role with the definitions of one version or the other. No operator runs, so none is waited for."""

    runner: RoleRunner
    old: Path
    new: Path

    def __call__(self, version: str, *options: str, **variables: Any) -> RoleRun:
        crds = self.old if version == "v0.20.4" else self.new
        given = {
            "gpu_cluster_stages": STAGES,
            "gpu_cluster_vault_url": "https://10.0.60.7:8200",
            "external_secrets_image": {"repository": IMAGE, "tag": version},
            "external_secrets_crds": str(crds),
            "external_secrets_crds_sha256": hashlib.sha256(crds.read_bytes()).hexdigest(),
            "external_secrets_wait": False,
        }
        return self.runner("external_secrets", *options, **{**given, **variables})


@pytest.fixture
def role(kubectl: Kubectl, kubeconfig: Path, tmp_path: Path) -> Iterator[Role]:
    """The role, in a cluster that has the namespace of the stage."""
    new = tmp_path / "crds-2.9.0.yaml"
    new.write_bytes(gzip.decompress(BUNDLE.read_bytes()))
    kubectl("create", "namespace", NAMESPACE)
    role = Role(RoleRunner(tmp_path, kubeconfig), published_crds(), new)
    yield role
    role("v2.9.0", external_secrets_state="absent", external_secrets_delete_crds=True, external_secrets_wait=True)
    kubectl("delete", "namespace", NAMESPACE)


def objects(kubectl: Kubectl) -> dict[str, Any]:
    """What the stage has of the operator's kinds: UID and spec by kind and name."""
    found = kubectl("get", f"externalsecrets.{GROUP},secretstores.{GROUP}", "-n", NAMESPACE)["items"]
    return {f"{item['kind']}/{item['metadata']['name']}": (item["metadata"]["uid"], item["spec"]) for item in found}


def definitions(kubectl: Kubectl) -> dict[str, Any]:
    found = kubectl("get", "crds")["items"]
    return {item["spec"]["names"]["kind"]: item for item in found if item["spec"]["group"].endswith(GROUP)}


# Written as defaults by 0.20, and left out by 2.9, for which they are what is meant without them.
GONE = {"conversionStrategy": "Default", "decodingStrategy": "None", "metadataPolicy": "None"}


def is_within(old: Any, new: Any) -> bool:
    """Whether all of a value is in the other, at the same places."""
    if isinstance(old, dict):
        return all(
            GONE.get(key) == value if key not in new else is_within(value, new[key]) for key, value in old.items()
        )
    if isinstance(old, list):
        return len(old) == len(new) and all(map(is_within, old, new))
    return bool(old == new)


def test_an_upgrade_in_place_keeps_every_object_and_then_has_nothing_to_do(
    role: Role, kubectl: Kubectl, audit: AuditLog
) -> None:
    role("v0.20.4")
    before, kinds = objects(kubectl), definitions(kubectl)
    assert set(before) == {"ExternalSecret/credentials", "ExternalSecret/once", "SecretStore/vault-backend"}

    foretold = role("v2.9.0", "--check")
    assert objects(kubectl) == before
    done = role("v2.9.0")
    assert done.counts == foretold.counts
    assert {name: uid for name, (uid, _spec) in objects(kubectl).items()} == {
        name: uid for name, (uid, _spec) in before.items()
    }
    # What 2.9 has by default where 0.20 had nothing may be added, and nothing that was asked for is lost.
    for name, (_uid, spec) in objects(kubectl).items():
        assert is_within(before[name][1], spec), (name, before[name][1], spec)
    after = definitions(kubectl)
    assert after.keys() == kinds.keys()
    for kind, item in after.items():
        assert item["metadata"]["uid"] == kinds[kind]["metadata"]["uid"]
        assert item["status"]["storedVersions"] == kinds[kind]["status"]["storedVersions"]
    deployment = kubectl.get("deployment", NAME, NAMESPACE)
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == f"{IMAGE}:v2.9.0"
    account = f"system:serviceaccount:{NAMESPACE}:{NAME}"
    can = kubectl.run("auth", "can-i", "patch", f"externalsecrets.{GROUP}", "-n", NAMESPACE, f"--as={account}")
    assert can.stdout.strip() == "yes", "2.x sets its finalizer by a patch"

    audit.mark()
    role("v2.9.0")
    # What is not ready gets a mark so that the operator tries again at once: no operator runs, so nothing ever is.
    assert {write.resource for write in audit.requests().writes} <= {"externalsecrets", "secretstores"}


@pytest.mark.parametrize("mode", ["scoped", "cluster"])
def test_everything_that_can_be_asked_for_is_taken(role: Role, kubectl: Kubectl, mode: str) -> None:
    role(
        "v2.9.0",
        external_secrets_mode=mode,
        external_secrets_push_secrets=True,
        external_secrets_generators=list(GENERATORS),
        external_secrets_webhook=True,
        external_secrets_replicas=2,
        external_secrets_metrics=True,
        gpu_cluster_vault_namespace="research",
    )
    served = set(definitions(kubectl))
    assert {"ExternalSecret", "SecretStore", "PushSecret", "GeneratorState", *GENERATORS} <= served
    assert ("ClusterSecretStore" in served) == (mode == "cluster")
