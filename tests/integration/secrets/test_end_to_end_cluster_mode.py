# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the same for one operator that serves all stages: each store is for the namespace of one stage only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from audit_log import AuditLog
from external_secrets_server import CrdBundle
from harden_runs import recap
from sandbox_access import Kubectl, Sandbox
from secrets_chain import ACCOUNT, FIRST_VALUES, MONITORING, SERVING, TRAINING, Chain, running_chain
from vault_server import VaultServer

TAGS = ("--tags", "pod_security,rbac,network_policies,vault,external_secrets")
OPERATOR = "system:serviceaccount:external-secrets:external-secrets"


@pytest.fixture(scope="module")
def chain(
    sandbox: Sandbox, vault: VaultServer, crds: CrdBundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    """The sandbox with one operator for all stages."""
    folder = tmp_path_factory.mktemp("one-operator")
    mode = {"external_secrets_mode": "cluster"}
    with running_chain(folder, "one-operator", sandbox.kubectl, vault, crds, **mode) as running:
        running.harden(*TAGS)
        yield running


def test_one_operator_brings_the_secrets_of_all_stages(chain: Chain) -> None:
    assert [pod.namespace for pod in chain.pods.pods] == ["external-secrets"]
    assert chain.secret(TRAINING, "data-lake-credentials") == FIRST_VALUES["ml/data-lake"]
    assert chain.secret(SERVING, "model-registry-credentials") == {
        "registry-token": FIRST_VALUES["ml/model-registry"]["access-token"],
        "signing-key": FIRST_VALUES["ml/model-signing"]["cosign-private-key"],
    }
    assert "forbidden" not in chain.pods.log.lower()


def test_a_second_run_writes_nothing(chain: Chain, vault: VaultServer, audit: AuditLog) -> None:
    in_vault = vault.audit
    audit.mark()
    assert recap(chain.harden(*TAGS), "one")["changed"] == 0
    assert audit.requests().writes == []
    assert in_vault.writes == []


@pytest.mark.parametrize("namespace", [MONITORING, TRAINING], ids=["without-secrets", "another-stage"])
def test_a_namespace_outside_the_conditions_of_a_store_gets_nothing(
    chain: Chain, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("apply", "--server-side", stdin=stolen(namespace))
    try:
        refusal = f'using cluster store "vault-backend-serving" is not allowed from namespace "{namespace}"'
        chain.wait_until(lambda: refusal in " ".join(chain.pods.log.replace("\\", "").split()))
        assert not chain.is_ready(namespace, "stolen")
        assert chain.secret(namespace, "stolen") is None
    finally:
        kubectl("delete", "externalsecret", "stolen", "-n", namespace)


def stolen(namespace: str) -> dict[str, Any]:
    """What somebody would write who wants the Secret of the serving stage."""
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "stolen", "namespace": namespace},
        "spec": {
            "refreshInterval": "1s",
            "secretStoreRef": {"name": "vault-backend-serving", "kind": "ClusterSecretStore"},
            "data": [{"secretKey": "token", "remoteRef": {"key": "ml/model-registry", "property": "access-token"}}],
        },
    }


@pytest.mark.parametrize(
    ("verb", "what", "namespace"),
    [
        *((verb, "secrets", place) for verb in ("create", "update", "delete") for place in (MONITORING, "kube-system")),
        ("update", "secrets/another", SERVING),
        ("delete", "secrets/another", SERVING),
        ("create", "serviceaccounts/default --subresource=token", SERVING),
        ("create", f"serviceaccounts/{ACCOUNT} --subresource=token", MONITORING),
        ("create", "serviceaccounts/default --subresource=token", "kube-system"),
        ("update", "clustersecretstores.external-secrets.io", ""),
        ("create", "externalsecrets.external-secrets.io", SERVING),
        ("create", "tokenreviews.authentication.k8s.io", ""),
        ("create", "pods", SERVING),
        ("escalate", "clusterroles.rbac.authorization.k8s.io", ""),
        ("list", "nodes", ""),
    ],
)
def test_it_reads_everywhere_and_writes_only_the_named_secrets_of_stages(
    chain: Chain, kubectl: Kubectl, verb: str, what: str, namespace: str
) -> None:
    place = ["-n", namespace] if namespace else ["-A"]
    said = kubectl.run("auth", "can-i", verb, *what.split(), *place, f"--as={OPERATOR}")
    assert said.stdout.strip() == "no", said.stderr


def test_nobody_else_gets_its_rights_by_aggregation(chain: Chain, kubectl: Kubectl) -> None:
    ours = kubectl("get", "clusterroles", "-l", "app.kubernetes.io/part-of=gpu-cluster-hardening")["items"]
    labels = {label for role in ours for label in role["metadata"]["labels"]}
    assert ours and not any(label.startswith("rbac.authorization.k8s.io/aggregate-to-") for label in labels)
