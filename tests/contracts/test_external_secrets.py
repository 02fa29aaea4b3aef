# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role renders for the External Secrets Operator is what version 2.9.0 of it reads, and may do."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from accepted import DATA, flags_of, wrong_arguments
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.settings import GENERATORS
from crd_objects import problems, schemas

BUNDLE = DATA / "external-secrets/crds-2.9.0.yaml.gz"
FLAGS = {
    "": flags_of("external-secrets-2.9.0-flags.txt"),
    "webhook": flags_of("external-secrets-webhook-2.9.0-flags.txt"),
    "certcontroller": flags_of("external-secrets-certcontroller-2.9.0-flags.txt"),
}
NEEDS = {
    # The finalizer is set and taken away by a patch since 2.0.
    "externalsecrets": {"get", "list", "watch", "patch"},
    "externalsecrets/status": {"update"},
    "secretstores": {"get", "list", "watch"},
    "secretstores/status": {"patch"},
    "generatorstates": {"get", "list", "watch"},
    "secrets": {"get", "list", "watch", "create", "update", "patch", "delete"},
    "serviceaccounts": {"get"},
    "serviceaccounts/token": {"create"},
    "events": {"create", "patch"},
}
"""Requests in its sources that the settings of the role leave to it, by resource."""
VAULT = {
    "gpu_cluster_vault_url": "https://10.0.60.7:8200",
    "__external_secrets_found": {
        "api_server": [{"to": [{"ipBlock": {"cidr": "10.0.0.10/32"}}], "ports": [{"protocol": "TCP", "port": 6443}]}],
        "retries": {"SecretStore/ml-serving/vault-backend": "17"},
    },
}


def stage(**secret: Any) -> dict[str, Any]:
    return {
        "name": "serving",
        "namespace": "ml-serving",
        "service_account": {"name": "ml-serving"},
        "pods": {"app": "server"},
        "secrets": [{"name": "credentials", "data": {"token": {"path": "ml/registry", "property": "token"}}, **secret}],
    }


CASES: dict[str, dict[str, Any]] = {
    "scoped": VAULT,
    "cluster": {**VAULT, "external_secrets_mode": "cluster"},
    "replicas": {**VAULT, "external_secrets_replicas": 2, "external_secrets_metrics": True},
    "push and generators": {
        **VAULT,
        "external_secrets_push_secrets": True,
        "external_secrets_generators": list(GENERATORS),
        "external_secrets_webhook": True,
    },
    "cluster, push": {
        **VAULT,
        "external_secrets_mode": "cluster",
        "external_secrets_push_secrets": True,
        "external_secrets_webhook": True,
    },
    "namespace and CA": {
        **VAULT,
        "gpu_cluster_vault_namespace": "research",
        "gpu_cluster_vault_self_review": False,
        "external_secrets_vault_ca": {"kind": "Secret", "name": "site-ca", "key": "ca.pem"},
    },
    "read once": {**VAULT, "gpu_cluster_stages": [stage(refresh_interval="0", creation_policy="Orphan")]},
    "days": {**VAULT, "gpu_cluster_stages": [stage(refresh_interval="36h", deletion_policy="Delete")]},
    "template": {
        **VAULT,
        "gpu_cluster_stages": [
            stage(template={"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "{}"}})
        ],
    },
    "whole value": {**VAULT, "gpu_cluster_stages": [stage(data={"all": {"path": "ml/registry"}})]},
}


@pytest.fixture(scope="module")
def rendered(render_role: Any) -> dict[str, Any]:
    return render_role("external_secrets", CASES)


@pytest.fixture(scope="module")
def definitions() -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [item for item in yaml.load_all(gzip.decompress(BUNDLE.read_bytes()), Loader=loader) if item]


def items(objects: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for rendered in objects.values():
        yield from rendered


def test_the_definitions_are_those_that_the_role_downloads() -> None:
    role = yaml.safe_load((DATA.parents[1] / "roles/external_secrets/defaults/main.yml").read_text())
    assert hashlib.sha256(gzip.decompress(BUNDLE.read_bytes())).hexdigest() == role["external_secrets_crds_sha256"]
    assert f"/{role['external_secrets_image']['tag']}/" in role["external_secrets_crds"]


@pytest.mark.parametrize("case", CASES)
def test_each_program_starts_with_its_arguments(rendered: dict[str, Any], case: str) -> None:
    deployments = [item for item in items(rendered[case]) if item["kind"] == "Deployment"]
    assert deployments
    for deployment in deployments:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        arguments = container["args"]
        command = "" if arguments[0].startswith("--") else arguments[0]
        assert wrong_arguments(arguments[1:] if command else arguments, FLAGS[command]) == []


@pytest.mark.parametrize("argument", ["--enable-gate=true", "--concurrent=two", "--store-requeue-interval=5", "-v"])
def test_the_contract_refuses_what_the_operator_refuses(argument: str) -> None:
    assert wrong_arguments([argument], FLAGS[""]) == [argument]


@pytest.mark.parametrize("case", CASES)
def test_its_objects_are_within_its_definitions(
    rendered: dict[str, Any], definitions: list[dict[str, Any]], case: str
) -> None:
    known = schemas(definitions)
    own = [item for item in items(rendered[case]) if item["apiVersion"].startswith("external-secrets.io/")]
    assert len(own) >= 2
    for item in own:
        assert list(problems(item, known[item["apiVersion"], item["kind"]])) == []


def test_every_kind_of_generator_is_defined_under_the_name_that_rights_are_given_for(
    definitions: list[dict[str, Any]],
) -> None:
    defined = {
        item["spec"]["names"]["kind"]: item["spec"]["names"]["plural"]
        for item in definitions
        if item["spec"]["group"] == "generators.external-secrets.io" and item["spec"]["scope"] == "Namespaced"
    }
    del defined["GeneratorState"]
    assert {kind: f"{kind.lower()}s" for kind in GENERATORS} == defined


@pytest.mark.parametrize("case", ["scoped", "cluster", "push and generators"])
def test_it_may_do_what_it_does(rendered: dict[str, Any], case: str) -> None:
    granted: dict[str, set[str]] = {}
    for role in items(rendered[case]):
        if role["kind"] in ("Role", "ClusterRole") and "cert-controller" not in role["metadata"]["name"]:
            for rule in role["rules"]:
                for resource in rule["resources"]:
                    granted.setdefault(resource, set()).update(rule["verbs"])
    assert {resource: verbs - granted.get(resource, set()) for resource, verbs in NEEDS.items()} == {
        resource: set() for resource in NEEDS
    }
