# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what is taken away when stages lose Secrets, when the mode changes, and in the end."""

from __future__ import annotations

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.filter.external_secrets_leftovers import (
    external_secrets_leftovers,
)

SERVING = {
    "namespace": "ml-serving",
    "store": {"kind": "SecretStore", "name": "vault-backend"},
    "self_review": True,
    "secrets": [{"name": "credentials"}],
}
SCOPED = {
    "mode": "scoped",
    "account": "vault-reader",
    "stages": [SERVING],
    "operators": [{"namespace": "ml-serving"}],
    "webhook": None,
    "own_namespace": False,
}
CLUSTER = {
    **SCOPED,
    "mode": "cluster",
    "stages": [{**SERVING, "store": {"kind": "ClusterSecretStore", "name": "vault-backend"}, "self_review": False}],
    "operators": [{"namespace": "external-secrets"}],
    "own_namespace": True,
}
WITH_WEBHOOK = {**SCOPED, "webhook": {"pods": []}, "own_namespace": True}
# Looked for whenever there is to be no webhook, as they are outside of its namespace.
CHECKS = {
    "ValidatingWebhookConfiguration /gpu-cluster-secretstore-validate",
    "ValidatingWebhookConfiguration /gpu-cluster-externalsecret-validate",
    "ClusterRole /gpu-cluster-external-secrets-cert-controller",
    "ClusterRoleBinding /gpu-cluster-external-secrets-cert-controller",
    "Role default/external-secrets-cert-controller",
    "RoleBinding default/external-secrets-cert-controller",
}
STAGES = [{"namespace": "ml-training"}, {"namespace": "ml-serving"}]
ONE_STAGE = STAGES[1:]


def applied(kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "external-secrets.io/v1", "kind": kind, "metadata": metadata}


THERE = {
    "own": [{"namespace": "ml-serving"}],
    "applied": [
        applied("ExternalSecret", "credentials", "ml-serving"),
        applied("SecretStore", "vault-backend", "ml-serving"),
    ],
}


def titles(references: list[dict[str, Any]]) -> set[str]:
    return {f"{item['kind']} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}" for item in references}


def test_what_is_wanted_stays() -> None:
    found = external_secrets_leftovers(SCOPED, THERE, ONE_STAGE)
    assert found["fetched"] == found["kinds"] == []
    assert titles(found["rest"]) == CHECKS | {
        "ClusterRole /gpu-cluster-external-secrets",
        "ClusterRoleBinding /gpu-cluster-external-secrets",
    }


def test_a_secret_that_a_stage_lost_goes_before_all_else() -> None:
    there = {**THERE, "applied": [*THERE["applied"], applied("ExternalSecret", "old", "ml-serving")]}
    assert titles(external_secrets_leftovers(SCOPED, there, STAGES)["fetched"]) == {"ExternalSecret ml-serving/old"}


def test_a_stage_that_lost_all_its_secrets_loses_its_operator() -> None:
    there = {
        "own": [*THERE["own"], {"namespace": "ml-training"}],
        "applied": [*THERE["applied"], applied("ExternalSecret", "s3", "ml-training")],
    }
    found = external_secrets_leftovers(SCOPED, there, STAGES)
    assert titles(found["fetched"]) == {"ExternalSecret ml-training/s3"}
    assert {
        "Deployment ml-training/external-secrets",
        "Role ml-training/external-secrets",
        "ServiceAccount ml-training/vault-reader",
        "ConfigMap ml-training/vault-ca",
    } < titles(found["rest"])
    assert not [item for item in found["rest"] if item["metadata"].get("namespace") == "ml-serving"]


def test_another_mode_takes_the_operators_of_the_first_away_but_not_the_secrets() -> None:
    found = external_secrets_leftovers(CLUSTER, THERE, ONE_STAGE)
    assert found["fetched"] == []
    assert titles(found["rest"]) == CHECKS | {
        "SecretStore ml-serving/vault-backend",
        "Deployment ml-serving/external-secrets",
        "ServiceAccount ml-serving/external-secrets",
        "NetworkPolicy ml-serving/allow-external-secrets",
        "PodDisruptionBudget ml-serving/external-secrets",
        "Role ml-serving/external-secrets-leases",
        "RoleBinding ml-serving/external-secrets-leases",
        "ClusterRole /gpu-cluster-vault-token-review",
        "ClusterRoleBinding /gpu-cluster-vault-token-review",
    }
    back = external_secrets_leftovers(SCOPED, {"own": [{"namespace": "external-secrets"}], "applied": []}, STAGES)
    assert {"Namespace /external-secrets", "ClusterRole /gpu-cluster-external-secrets"} < titles(back["rest"])


def test_rights_that_an_interrupted_run_left_are_found_without_anything_else_of_the_stage() -> None:
    found = external_secrets_leftovers(SCOPED, THERE, STAGES)
    assert {"Role ml-training/external-secrets", "ServiceAccount ml-training/vault-reader"} < titles(found["rest"])


WEBHOOK = {
    "Deployment external-secrets/external-secrets-webhook",
    "Deployment external-secrets/external-secrets-cert-controller",
    "ServiceAccount external-secrets/external-secrets-webhook",
    "ServiceAccount external-secrets/external-secrets-cert-controller",
    "Service external-secrets/external-secrets-webhook",
    "Secret external-secrets/external-secrets-webhook",
    "NetworkPolicy external-secrets/allow-external-secrets-webhook",
    "NetworkPolicy external-secrets/allow-external-secrets-cert-controller",
    "Role external-secrets/external-secrets-cert-controller",
    "RoleBinding external-secrets/external-secrets-cert-controller",
}
NAMESPACE = {
    "Namespace /external-secrets",
    "NetworkPolicy external-secrets/default-deny",
    "ServiceAccount external-secrets/default",
}


def test_a_webhook_that_is_no_longer_asked_for_goes_and_its_namespace_unless_an_operator_is_there() -> None:
    there = {**THERE, "webhook": True}
    kept = titles(external_secrets_leftovers(WITH_WEBHOOK, there, STAGES)["rest"])
    assert not kept & (CHECKS | WEBHOOK | NAMESPACE)
    assert titles(external_secrets_leftovers(SCOPED, there, STAGES)["rest"]) >= CHECKS | WEBHOOK | NAMESPACE
    shared = titles(external_secrets_leftovers(CLUSTER, there, STAGES)["rest"])
    assert shared >= CHECKS | WEBHOOK
    assert not shared & NAMESPACE


def test_the_namespace_of_a_webhook_stays_when_the_operator_for_all_goes() -> None:
    there = {"own": [{"namespace": "external-secrets"}], "webhook": True, "applied": []}
    found = titles(external_secrets_leftovers(WITH_WEBHOOK, there, STAGES)["rest"])
    assert "Deployment external-secrets/external-secrets" in found
    assert not found & (CHECKS | WEBHOOK | NAMESPACE)


def test_a_namespace_of_that_name_that_is_of_a_stage_is_not_ours_to_delete() -> None:
    stages = [*STAGES, {"namespace": "external-secrets"}]
    found = titles(external_secrets_leftovers(SCOPED, THERE, stages, "absent")["rest"])
    assert found >= CHECKS | WEBHOOK
    assert not found & NAMESPACE


def test_absent_looks_in_every_stage_even_if_nothing_is_found() -> None:
    found = external_secrets_leftovers(SCOPED, {"own": [], "applied": []}, STAGES, "absent")
    assert {
        "Deployment ml-training/external-secrets",
        "Role ml-serving/external-secrets",
        "Namespace /external-secrets",
        "ClusterRole /gpu-cluster-vault-token-review",
    } < titles(found["rest"])
    assert {
        "CustomResourceDefinition /externalsecrets.external-secrets.io",
        "CustomResourceDefinition /generatorstates.generators.external-secrets.io",
    } < titles(found["kinds"])
    assert titles(external_secrets_leftovers(SCOPED, THERE, STAGES, "absent")["fetched"]) == {
        "ExternalSecret ml-serving/credentials"
    }
