# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what, by all bindings and roles. Pure.

Named resources are left out: a right to one object of that name is no right to all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place, place_of

Json = Mapping[str, Any]
EVERYBODY = frozenset({"system:authenticated", "system:unauthenticated", "system:serviceaccounts"})
ADMINISTRATORS = frozenset({"system:masters", "kubeadm:cluster-admins"})
CLUSTER_ADMIN = "cluster-admin"


@dataclass(frozen=True)
class Power:
    """What a right is worth: any of these verbs on any of these resources, spelled ``group/resource``."""

    verbs: frozenset[str]
    resources: frozenset[str]


def power(verbs: str, *resources: str) -> Power:
    """A power, such as ``power("update patch", "/namespaces", "networking.k8s.io/networkpolicies")``."""
    return Power(frozenset(verbs.split()), frozenset(resources))


@dataclass(frozen=True)
class Grant:
    """One subject of one binding.

    Attributes:
        subject: kind, name and namespace.
        namespace: where it holds; None for everywhere.
        rules: of the role.
        binding: the object.
        role: name of the role.
    """

    subject: Json
    namespace: str | None
    rules: Sequence[Json]
    binding: Place
    role: str

    @property
    def who(self) -> str:
        """The subject in a message."""
        name = self.subject.get("name", "")
        if self.subject.get("kind") == "ServiceAccount":
            return f"account {self.account[0]}/{name}"
        return f"{str(self.subject.get('kind', '')).lower()} {name}"

    @property
    def account(self) -> tuple[str, str]:
        """Namespace and name of the service account; empty for another subject."""
        if self.subject.get("kind") != "ServiceAccount":
            return "", ""
        return str(self.subject.get("namespace") or self.namespace or ""), str(self.subject.get("name", ""))

    @property
    def trusted(self) -> bool:
        """Whether the subject is Kubernetes itself, or what its installer gives to administrators."""
        kind, name = self.subject.get("kind"), str(self.subject.get("name", ""))
        if kind == "ServiceAccount":
            return self.account[0] == "kube-system"
        if kind == "Group":
            inner = name.startswith("system:") and not name.startswith(tuple(EVERYBODY))
            return inner or name in ADMINISTRATORS or name == "system:serviceaccounts:kube-system"
        return name.startswith("system:") and not name.startswith(("system:serviceaccount:", "system:anonymous"))

    def may(self, wanted: Power) -> str:
        """The first ``verb resource`` of a power that the subject has; empty if none."""
        for rule in self.rules:
            found = _first(rule, wanted)
            if found:
                return found
        return ""

    def finding(self, what: str) -> Finding:
        """That this subject can do something."""
        scope = f"in {self.namespace}" if self.namespace else "in every namespace"
        name = "/".join(self.account) if self.account[1] else str(self.subject.get("name"))
        field = f"subjects[{self.subject.get('kind')} {name}]"
        return Finding(
            f"{self.who} may {what} {scope}, by {self.binding} of role {self.role}.", self.binding, field, self.role
        )


def grants(objects: Mapping[str, Sequence[Json]]) -> Iterator[Grant]:
    """All grants of a snapshot; a binding to a role that is not there gives nothing."""
    roles: dict[tuple[str, str], Sequence[Json]] = {}
    for kind in ("Role", "ClusterRole"):
        for item in objects.get(kind, ()):
            roles[item["metadata"].get("namespace") or "", item["metadata"]["name"]] = item.get("rules") or ()
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        for item in objects.get(kind, ()):
            namespace = item["metadata"].get("namespace")
            reference = item.get("roleRef") or {}
            home = namespace if reference.get("kind") == "Role" else ""
            rules = roles.get((home or "", str(reference.get("name"))), ())
            for subject in item.get("subjects") or ():
                yield Grant(subject, namespace, rules, place_of(item), str(reference.get("name")))


def _first(rule: Json, wanted: Power) -> str:
    if rule.get("resourceNames"):
        return ""
    verbs, groups, resources = (rule.get(key) or () for key in ("verbs", "apiGroups", "resources"))
    had = [verb for verb in sorted(wanted.verbs) if verb in verbs or "*" in verbs]
    if not had:
        return ""
    for name in sorted(wanted.resources):
        group, _slash, resource = name.partition("/")
        if (group in groups or "*" in groups) and _covers(resources, resource):
            return f"{had[0]} {resource}"
    return ""


def _covers(resources: Sequence[str], resource: str) -> bool:
    part = resource.partition("/")[2]
    return resource in resources or "*" in resources or (bool(part) and f"*/{part}" in resources)
