# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds External Secrets Operators, whatever installed them, and what they may do that they need not. Pure.

Signatures are those of the chart and the images of external-secrets/external-secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import NAME, OWN_LABEL
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import split_reference

PROGRAM = "external-secrets"
GROUP = "external-secrets.io"
OTHER_COMMANDS = frozenset({"webhook", "certcontroller"})
"""Commands of the same image that fetch no secrets."""
AGGREGATED = "rbac.authorization.k8s.io/aggregate-to-"
_READS = frozenset({"get", "list", "watch", "*"})
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection", "*"})


@dataclass(frozen=True)
class Operator:
    """A Deployment that runs the operator.

    Attributes:
        watches: the namespace it is limited to; empty for all.
        own: whether this collection applied it.
    """

    namespace: str
    name: str
    image: str
    version: str
    service_account: str
    watches: str
    own: bool

    @property
    def title(self) -> str:
        """For messages."""
        return f"Deployment {self.namespace}/{self.name} ({self.version or self.image})"

    def facts(self, wider: Sequence[str] = ()) -> dict[str, Any]:
        """As the module returns it."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "image": self.image,
            "version": self.version,
            "service_account": self.service_account,
            "watches": self.watches,
            "wider": list(wider),
        }


def find_operators(deployments: Iterable[Mapping[str, Any]]) -> Iterator[Operator]:
    """Which of these Deployments run the operator; one that is being deleted no longer does."""
    for deployment in deployments:
        metadata = deployment["metadata"]
        spec = deployment["spec"]["template"]["spec"]
        container = None if metadata.get("deletionTimestamp") else _container(spec, _labels(deployment))
        if container is not None:
            image = str(container.get("image", ""))
            yield Operator(
                metadata["namespace"],
                metadata["name"],
                image,
                split_reference(image)[1],
                spec.get("serviceAccountName") or "default",
                _watched(container),
                OWN_LABEL in _labels(deployment),
            )


def is_own_webhook(deployment: Mapping[str, Any]) -> bool:
    """Whether this collection applied it to run one of the other commands."""
    containers = deployment["spec"]["template"]["spec"].get("containers") or ()
    return OWN_LABEL in _labels(deployment) and any(
        _is_named(container, _labels(deployment)) and OTHER_COMMANDS & set(_words(container))
        for container in containers
    )


def excess(
    operator: Operator,
    bindings: Iterable[Mapping[str, Any]],
    roles: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Rights that an operator has in all namespaces, and which it does not need for the Secrets of stages.

    Args:
        operator: whose account is looked for.
        bindings: all ClusterRoleBindings.
        roles: all ClusterRoles by name.
    """
    names = [binding["roleRef"]["name"] for binding in bindings if _binds(binding, operator)]
    rules = [rule for name in names for rule in roles.get(name, {}).get("rules") or ()]
    found = []
    if _verbs(rules, "secrets") & _READS:
        found.append("it reads the Secrets of all namespaces")
    if _verbs(rules, "secrets") & _WRITES:
        found.append("it writes Secrets in all namespaces")
    if "create" in _verbs(rules, "serviceaccounts/token") or "*" in _verbs(rules, "serviceaccounts/token"):
        found.append("it gets a token of any account, which is every right in the cluster")
    return found


def aggregated(roles: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """ClusterRoles about the operator's kinds that Kubernetes adds to those of every user with view, edit or admin."""
    return sorted(
        name
        for name, role in roles.items()
        if any(key.startswith(AGGREGATED) for key in role["metadata"].get("labels") or {})
        and any(GROUP in (rule.get("apiGroups") or ()) for rule in role.get("rules") or ())
        and any(set(rule.get("verbs") or ()) & _WRITES for rule in role.get("rules") or ())
    )


def describe(operator: Operator, wider: Sequence[str], widened: Sequence[str]) -> str:
    """A warning: who is there, and what of its rights is more than is needed."""
    text = f"{operator.title} is an External Secrets Operator that is there already."
    if wider:
        text += f" Its account {operator.namespace}/{operator.service_account} has more rights than it needs: "
        text += f"{'; '.join(wider)}."
    if widened:
        text += (
            f" ClusterRole {name_some(widened)} lets everybody who may edit in a namespace make ExternalSecrets and "
            "SecretStores there."
        )
    return text


def _container(spec: Mapping[str, Any], labels: set[tuple[str, str]]) -> Mapping[str, Any] | None:
    for container in spec.get("containers") or ():
        if _is_named(container, labels) and not OTHER_COMMANDS & set(_words(container)):
            found: Mapping[str, Any] = container
            return found
    return None


def _is_named(container: Mapping[str, Any], labels: set[tuple[str, str]]) -> bool:
    repository = split_reference(str(container.get("image", "")))[0]
    return repository.rpartition("/")[2] == PROGRAM or (NAME, PROGRAM) in labels


def _words(container: Mapping[str, Any]) -> list[str]:
    return [str(word) for word in (*(container.get("command") or ()), *(container.get("args") or ()))]


def _watched(container: Mapping[str, Any]) -> str:
    words = _words(container)
    for position, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in ("--namespace", "-namespace"):
            return value if equals else "".join(words[position + 1 : position + 2])
    return ""


def _binds(binding: Mapping[str, Any], operator: Operator) -> bool:
    account = {"kind": "ServiceAccount", "name": operator.service_account, "namespace": operator.namespace}
    return any(account.items() <= subject.items() for subject in binding.get("subjects") or ())


def _verbs(rules: Iterable[Mapping[str, Any]], resource: str) -> set[str]:
    """Verbs on all objects of a resource of the core group."""
    return {
        verb
        for rule in rules
        if {"", "*"} & set(rule.get("apiGroups") or ()) and not rule.get("resourceNames")
        if {resource, "*"} & set(rule.get("resources") or ())
        for verb in rule.get("verbs") or ()
    }


def _labels(deployment: Mapping[str, Any]) -> set[tuple[str, str]]:
    template = deployment["spec"]["template"].get("metadata") or {}
    return {*(deployment["metadata"].get("labels") or {}).items(), *(template.get("labels") or {}).items()}
