# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What accounts of stages must not be able to do, as questions to the API server. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Place

PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_RBAC, _ADMISSION = "rbac.authorization.k8s.io", "admissionregistration.k8s.io"
IN_ITS_STAGE = (
    ("list", "", "secrets"),
    ("get", "", "secrets"),
    ("create", "", "secrets"),
    ("create", "", "pods"),
    ("create", "apps", "deployments"),
    ("create", "apps", "daemonsets"),
    ("create", "batch", "jobs"),
    ("create", "", "pods/exec"),
    ("update", "", "pods/ephemeralcontainers"),
    ("create", "", "pods/portforward"),
    ("create", "", "serviceaccounts/token"),
    ("create", "networking.k8s.io", "networkpolicies"),
    ("delete", "networking.k8s.io", "networkpolicies"),
    ("create", _RBAC, "rolebindings"),
    ("escalate", _RBAC, "roles"),
    ("update", "", "resourcequotas"),
)
IN_ANOTHER_STAGE = (("get", "", "secrets"), ("create", "", "pods"), ("get", "", "configmaps"), ("delete", "", "pods"))
EVERYWHERE = (
    ("list", "", "secrets"),
    ("patch", "", "namespaces"),
    ("patch", "", "nodes"),
    ("get", "", "nodes/proxy"),
    ("create", "", "persistentvolumes"),
    ("create", _RBAC, "clusterrolebindings"),
    ("impersonate", "", "users"),
    ("delete", _ADMISSION, "validatingadmissionpolicies"),
    ("create", _ADMISSION, "mutatingwebhookconfigurations"),
    ("approve", "certificates.k8s.io", "signers"),
    ("harden", "gpu-cluster.hardening", "layers"),
    ("use", "gpu-cluster.hardening", "nodes"),
)


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        what: in a few words; begins with ``account``.
        body: a SubjectAccessReview.
        place: the account.
    """

    what: str
    body: Mapping[str, Any]
    place: Place


def questions(stage: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> list[Question]:
    """What is asked about the account of a stage; what the inventory gives it is not."""
    namespace, name = stage["namespace"], stage["service_account"]["name"]
    found = [
        _question(namespace, name, *right, namespace) for right in IN_ITS_STAGE if not _is_given(stage["rules"], *right)
    ]
    for other in stages:
        if other["namespace"] != namespace:
            found += [_question(namespace, name, *right, other["namespace"]) for right in IN_ANOTHER_STAGE]
    return [*found, *(_question(namespace, name, *right, "") for right in EVERYWHERE)]


def _question(namespace: str, name: str, verb: str, group: str, resource: str, where: str) -> Question:
    kind, _slash, part = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": kind, "subresource": part, "namespace": where}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{namespace}:{name}",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
            "resourceAttributes": {key: text for key, text in attributes.items() if text},
        },
    }
    what = f"account {namespace}/{name} may {verb} {resource} {f'in {where}' if where else 'everywhere'}"
    return Question(what, body, Place("v1", "ServiceAccount", namespace, name))


def _is_given(rules: Sequence[Mapping[str, Any]], verb: str, group: str, resource: str) -> bool:
    return any(
        {verb, "*"} & set(rule["verbs"])
        and {group, "*"} & set(rule["apiGroups"])
        and {resource, "*"} & set(rule["resources"])
        and not rule.get("resourceNames")
        for rule in rules
    )


def all_questions(stages: Sequence[Mapping[str, Any]]) -> Iterator[Question]:
    """Those of all stages."""
    for stage in stages:
        yield from questions(stage, stages)
