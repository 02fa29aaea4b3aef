# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves how operators are recognised, what of their rights is wider than needed, and where the API server is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.operators import (
    aggregated,
    describe,
    excess,
    find_operators,
    is_own_webhook,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.survey import survey

FakeClients = Callable[..., Any]
IMAGE = "ghcr.io/external-secrets/external-secrets:v0.20.4"
OWN = {"app.kubernetes.io/part-of": "gpu-cluster-hardening"}


def deployment(image: str = IMAGE, args: tuple[str, ...] = (), **metadata: Any) -> dict[str, Any]:
    pod = {"serviceAccountName": "eso", "containers": [{"name": "c", "image": image, "args": list(args)}]}
    return {
        "metadata": {"namespace": "eso-system", "name": "eso", **metadata},
        "spec": {"template": {"metadata": {}, "spec": pod}},
    }


def rule(groups: list[str], resources: list[str], verbs: list[str], **more: Any) -> dict[str, Any]:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs, **more}


def bound(*rules: dict[str, Any], account: str = "eso") -> tuple[list[Any], dict[str, Any]]:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "eso-system"}
    binding = {"subjects": [subject], "roleRef": {"kind": "ClusterRole", "name": "r"}}
    return [binding], {"r": {"metadata": {"name": "r"}, "rules": list(rules)}}


@pytest.mark.parametrize(
    ("there", "own"),
    [
        (deployment(args=("webhook", "--port=10250"), labels=OWN), True),
        (deployment(args=("certcontroller",), labels=OWN), True),
        (deployment(args=("webhook", "--port=10250")), False),
        (deployment(labels=OWN), False),
        (deployment("example.com/other:1", args=("webhook",), labels=OWN), False),
    ],
)
def test_a_webhook_is_ours_if_we_applied_it(there: dict[str, Any], own: bool) -> None:
    assert is_own_webhook(there) == own


READS = "it reads the Secrets of all namespaces"
WRITES = "it writes Secrets in all namespaces"
TOKENS = "it gets a token of any account, which is every right in the cluster"


@pytest.mark.parametrize(
    ("found", "watches"),
    [
        (deployment(), ""),
        (deployment(args=("--concurrent=1", "--namespace=team")), "team"),
        (deployment(args=("--namespace", "team", "--loglevel=info")), "team"),
        (deployment("registry.example.com/mirror/external-secrets@sha256:" + "a" * 64), ""),
        (deployment("example.com/eso:1", labels={"app.kubernetes.io/name": "external-secrets"}), ""),
    ],
)
def test_an_operator_is_known_by_its_image_or_its_label(found: dict[str, Any], watches: str) -> None:
    (operator,) = find_operators([found])
    assert (operator.namespace, operator.service_account, operator.watches, operator.own) == (
        "eso-system",
        "eso",
        watches,
        False,
    )


@pytest.mark.parametrize(
    "other",
    [
        deployment("nginx:1"),
        deployment(args=("webhook", "--port=10250")),
        deployment(args=("certcontroller",)),
        deployment(deletionTimestamp="2026-11-26T10:00:00Z"),
    ],
)
def test_what_fetches_nothing_is_no_operator(other: dict[str, Any]) -> None:
    assert not list(find_operators([other]))


def test_ours_is_told_from_others() -> None:
    assert [operator.own for operator in find_operators([deployment(labels=OWN)])] == [True]


@pytest.mark.parametrize(
    ("rules", "wider"),
    [
        ([rule([""], ["secrets"], ["get", "list", "watch"])], [READS]),
        ([rule([""], ["secrets"], ["create"]), rule([""], ["configmaps"], ["get"])], [WRITES]),
        ([rule(["*"], ["*"], ["*"])], [READS, WRITES, TOKENS]),
        ([rule([""], ["serviceaccounts/token"], ["create"])], [TOKENS]),
        ([rule([""], ["serviceaccounts/token"], ["create"], resourceNames=["vault-reader"])], []),
        ([rule(["apps"], ["secrets"], ["get"])], []),
    ],
)
def test_rights_on_all_secrets_and_accounts_are_wider_than_needed(rules: list[Any], wider: list[str]) -> None:
    (operator,) = find_operators([deployment()])
    assert excess(operator, *bound(*rules)) == wider
    assert excess(operator, *bound(*rules, account="other")) == []


def test_roles_that_every_editor_gets_are_named() -> None:
    rules = [rule(["external-secrets.io"], ["externalsecrets"], ["create"])]
    label = {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}
    roles = {
        "eso-edit": {"metadata": {"labels": label}, "rules": rules},
        "eso-view": {"metadata": {"labels": label}, "rules": [rule(["external-secrets.io"], ["*"], ["get"])]},
        "mine": {"metadata": {}, "rules": rules},
    }
    assert aggregated(roles) == ["eso-edit"]


def test_the_warning_names_who_it_is_and_all_that_is_too_much() -> None:
    (operator,) = find_operators([deployment()])
    assert describe(operator, [READS, TOKENS], ["eso-edit"]) == (
        "Deployment eso-system/eso (v0.20.4) is an External Secrets Operator that is there already. Its account "
        f"eso-system/eso has more rights than it needs: {READS}; {TOKENS}. ClusterRole eso-edit lets everybody who may "
        "edit in a namespace make ExternalSecrets and SecretStores there."
    )


def listed(*items: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
    return 200, {"metadata": {}, "items": list(items)}, {}


def test_rights_are_looked_at_only_where_an_operator_is_not_ours(fake_client: FakeClients) -> None:
    slices = {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.11"]}, {"addresses": ["10.0.0.10"]}],
        "ports": [{"name": "https", "port": 6443}],
    }
    service = {"spec": {"clusterIPs": ["10.96.0.1", "fd00::1"], "ports": [{"port": 443}]}}
    kinds = {"resources": [{"kind": "SecretStore", "name": "secretstores", "namespaced": True}]}
    store = {"metadata": {"name": "vault-backend", "namespace": "ml-serving", "resourceVersion": "17"}}
    fake = fake_client(
        [listed(deployment(labels=OWN)), (200, kinds, {}), listed(store), listed(slices), (200, service, {})]
    )
    answer = survey(fake.client)
    assert not [url for _method, url, _options in fake.pool.asked if "clusterroles" in url]
    assert answer.warnings() == []
    result = answer.result()
    assert [operator["name"] for operator in result["own"]] == ["eso"]
    assert result["operators"] == []
    assert result["applied"] == [
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "SecretStore",
            "metadata": {"name": "vault-backend", "namespace": "ml-serving"},
        }
    ]
    assert result["retry_marks"] == {"SecretStore/ml-serving/vault-backend": "17"}, "it is not ready"
    assert result["api_server"] == [
        {
            "to": [{"ipBlock": {"cidr": "10.0.0.10/32"}}, {"ipBlock": {"cidr": "10.0.0.11/32"}}],
            "ports": [{"protocol": "TCP", "port": 6443}],
        },
        {
            "to": [{"ipBlock": {"cidr": "10.96.0.1/32"}}, {"ipBlock": {"cidr": "fd00::1/128"}}],
            "ports": [{"protocol": "TCP", "port": 443}],
        },
    ]
