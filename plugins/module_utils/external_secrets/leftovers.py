# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier runs of the role external_secrets applied and its settings no longer ask for. Pure.

Stages lose Secrets, and the mode changes. Only what bears our field manager is ever removed, so a name too many does no
harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.settings import GENERATORS, NAME
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.webhook import (
    CERT_CONTROLLER,
    WEBHOOK,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.vaults import CA_NAME

CRD_API = "apiextensions.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io/v1"
WATCHER = "gpu-cluster-external-secrets"
REVIEWER = "gpu-cluster-vault-token-review"
CERTIFIER = "gpu-cluster-external-secrets-cert-controller"
_OPERATOR = (
    ("apps/v1", "Deployment", NAME),
    ("v1", "ServiceAccount", NAME),
    ("networking.k8s.io/v1", "NetworkPolicy", f"allow-{NAME}"),
    ("policy/v1", "PodDisruptionBudget", NAME),
    (RBAC, "RoleBinding", f"{NAME}-leases"),
    (RBAC, "Role", f"{NAME}-leases"),
)
_OWN_NAMESPACE = (
    ("networking.k8s.io/v1", "NetworkPolicy", "default-deny"),
    ("v1", "ServiceAccount", "default"),
)
_WEBHOOK = (
    ("v1", "Service", WEBHOOK),
    ("v1", "Secret", WEBHOOK),
    *(
        (api_version, kind, name)
        for name in (WEBHOOK, CERT_CONTROLLER)
        for api_version, kind in (("apps/v1", "Deployment"), ("v1", "ServiceAccount"))
    ),
    *(("networking.k8s.io/v1", "NetworkPolicy", f"allow-{name}") for name in (WEBHOOK, CERT_CONTROLLER)),
    (RBAC, "RoleBinding", CERT_CONTROLLER),
    (RBAC, "Role", CERT_CONTROLLER),
)
_STAGE = (
    (RBAC, "RoleBinding", NAME),
    (RBAC, "Role", NAME),
    ("v1", "ConfigMap", CA_NAME),
)
_KINDS = (
    *(
        f"{kind}.external-secrets.io"
        for kind in ("externalsecrets", "secretstores", "clustersecretstores", "pushsecrets")
    ),
    *(f"{kind.lower()}s.generators.external-secrets.io" for kind in ("GeneratorState", *GENERATORS)),
)

_EVENTS_NAMESPACE = "default"

Reference = dict[str, Any]
Key: TypeAlias = "tuple[str, str | None, str]"


@dataclass(frozen=True)
class Leftovers:
    """References of manifests.

    Attributes:
        fetched: ExternalSecrets, which an operator must let go.
        rest: stores, operators and rights, which may go once those are gone.
        kinds: CustomResourceDefinitions, if nothing is wanted any more.
    """

    fetched: list[Reference]
    rest: list[Reference]
    kinds: list[Reference]


def leftovers(plan: Mapping[str, Any], found: Mapping[str, Any], everywhere: Sequence[str], present: bool) -> Leftovers:
    """What is to be removed.

    Args:
        plan: of these settings.
        found: ``own``, ``webhook`` and ``applied`` of the module external_secrets_info.
        everywhere: namespaces of all stages, where to look even if nothing is found there: an earlier run may have
            ended between two of its steps.
        present: whether anything is wanted at all.
    """
    stages = plan["stages"] if present else []
    operators = {operator["namespace"] for operator in plan["operators"]} if present else set()
    wanted = {_secret_key(stage, secret) for stage in stages for secret in stage["secrets"]}
    wanted |= {_store_key(stage) for stage in stages}
    unwanted = [item for item in found["applied"] if _key(item) not in wanted]
    places = {operator["namespace"] for operator in found["own"]}
    places |= {item["metadata"]["namespace"] for item in found["applied"] if "namespace" in item["metadata"]}
    places |= {*everywhere}
    places |= {NAME} if found.get("webhook") else set()
    if not present:
        places.add(NAME)
    unserved = sorted(places - {stage["namespace"] for stage in stages})
    return Leftovers(
        [item for item in unwanted if item["kind"] == "ExternalSecret"],
        [
            *(item for item in unwanted if item["kind"] != "ExternalSecret"),
            *_references(_OPERATOR, sorted(places - operators)),
            *_own_namespace(plan if present else None, places, everywhere),
            *_references((*_STAGE, ("v1", "ServiceAccount", plan["account"])), unserved),
            *_cluster_wide(plan, stages),
            *([] if stages and plan["webhook"] else _checks()),
        ],
        [] if present else [_reference(CRD_API, "CustomResourceDefinition", name) for name in _KINDS],
    )


def _own_namespace(
    wanted: Mapping[str, Any] | None, places: Iterable[str], everywhere: Iterable[str]
) -> list[Reference]:
    """What is in the namespace that is not that of a stage, beside an operator, and that namespace."""
    if NAME not in places:
        return []
    found = [] if wanted and wanted["webhook"] else _references(_WEBHOOK, [NAME])
    # If it is that of a stage, others make and keep it.
    if not (wanted and wanted["own_namespace"]) and NAME not in everywhere:
        found += [*_references(_OWN_NAMESPACE, [NAME]), _reference("v1", "Namespace", NAME)]
    return found


def _checks() -> list[Reference]:
    """What of the webhook is outside of its namespace, beside rights."""
    names = ("gpu-cluster-secretstore-validate", "gpu-cluster-externalsecret-validate")
    return [
        *(_reference("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", name) for name in names),
        *(_reference(RBAC, kind, CERT_CONTROLLER, _EVENTS_NAMESPACE) for kind in ("RoleBinding", "Role")),
    ]


def _cluster_wide(plan: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> list[Reference]:
    unwanted = [] if stages and plan["mode"] == "cluster" else [WATCHER]
    unwanted += [] if stages and plan["webhook"] else [CERTIFIER]
    unwanted += [] if any(stage["self_review"] for stage in stages) else [REVIEWER]
    return [_reference(RBAC, kind, name) for name in unwanted for kind in ("ClusterRoleBinding", "ClusterRole")]


def _references(kinds: Iterable[tuple[str, str, str]], namespaces: Sequence[str]) -> list[Reference]:
    return [_reference(*kind, namespace) for kind in kinds for namespace in namespaces]


def _reference(api_version: str, kind: str, name: str, namespace: str | None = None) -> Reference:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **place}}


def _key(item: Reference) -> Key:
    metadata = item["metadata"]
    return item["kind"], metadata.get("namespace"), metadata["name"]


def _secret_key(stage: Mapping[str, Any], secret: Mapping[str, Any]) -> Key:
    return "ExternalSecret", stage["namespace"], secret["name"]


def _store_key(stage: Mapping[str, Any]) -> Key:
    store = stage["store"]
    return store["kind"], stage["namespace"] if store["kind"] == "SecretStore" else None, store["name"]
