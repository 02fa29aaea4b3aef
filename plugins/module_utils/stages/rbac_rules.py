# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads RBAC rules and refuses those that are worth more than they look.

Source: https://kubernetes.io/docs/concepts/security/rbac-good-practices/#kubernetes-rbac-privilege-escalation-risks
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import dns_subdomain_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import REQUIRED, Entry, did_you_mean

Rule = dict[str, list[str]]

_RULE = {"apiGroups": REQUIRED, "resources": REQUIRED, "verbs": REQUIRED, "resourceNames": ()}
_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "use")
_VERB = re.compile(r"[a-z]+")
_RESOURCE = re.compile(r"[a-z0-9][-a-z0-9.]*(/[a-z0-9][-a-z0-9.]*)?")
_ANY_VERB: frozenset[str] = frozenset()
_READ_ALL = frozenset({"list", "watch", "deletecollection"})
_WRITE = frozenset({"create", "update", "patch"})


@dataclass(frozen=True)
class _Power:
    """What some verbs on some resources are worth. No verbs stand for any verb."""

    groups: frozenset[str]
    resources: frozenset[str]
    verbs: frozenset[str]
    why: str


_POWERS = (
    _Power(frozenset({""}), frozenset({"secrets"}), _READ_ALL, "reads every Secret of the namespace"),
    _Power(
        frozenset({""}),
        frozenset({"secrets"}),
        frozenset({"create"}),
        "gets the token of any account of the namespace, by a Secret of type kubernetes.io/service-account-token",
    ),
    _Power(
        frozenset({""}),
        frozenset({"pods", "replicationcontrollers"}),
        _WRITE,
        "runs code as any account, and mounts any Secret, of the namespace",
    ),
    _Power(
        frozenset({"apps", "batch"}),
        frozenset({"daemonsets", "deployments", "replicasets", "statefulsets", "cronjobs", "jobs"}),
        _WRITE,
        "creates pods, which run as any account, and mount any Secret, of the namespace",
    ),
    _Power(
        frozenset({""}),
        frozenset({"pods/exec", "pods/attach", "pods/ephemeralcontainers"}),
        _ANY_VERB,
        "runs code in other pods of the namespace",
    ),
    _Power(
        frozenset({""}),
        frozenset({"pods/portforward", "pods/proxy", "services/proxy"}),
        _ANY_VERB,
        "reaches other pods of the namespace past the network policies",
    ),
    _Power(
        frozenset({""}),
        frozenset({"serviceaccounts/token"}),
        frozenset({"create"}),
        "gets the token of any account of the namespace",
    ),
    _Power(
        frozenset({"networking.k8s.io"}),
        frozenset({"networkpolicies"}),
        _WRITE | {"delete", "deletecollection"},
        "opens the network that the network policies close",
    ),
)
_POWERFUL_VERBS = {
    "escalate": "gives itself more rights than it has",
    "bind": "gives itself any role",
    "impersonate": "acts as somebody else",
}


def read_rules(rules: Entry, allow_privileged: bool) -> list[Rule]:
    """Read the rules of a Role, spelled as in a manifest.

    Args:
        rules: a list of mappings.
        allow_privileged: accept rules that lead to more rights, or to all Secrets.
    """
    return [_read_rule(rule, allow_privileged) for rule in rules.items()]


def _read_rule(entry: Entry, allow_privileged: bool) -> Rule:
    keys = entry.keys(_RULE)
    rule = {key: keys[key].texts() for key in _RULE}
    for key in ("apiGroups", "resources", "verbs"):
        if keys[key].given and isinstance(keys[key].value, list | tuple) and not rule[key]:
            keys[key].refuse("must not be empty" + ('; the core group is ""' if key == "apiGroups" else ""))
    for item, value in zip(keys["apiGroups"].items(), rule["apiGroups"], strict=True):
        if value not in ("", "*"):
            item.refuse(dns_subdomain_problem(value, "API group"))
    for item, value in zip(keys["resources"].items(), rule["resources"], strict=True):
        if "*" not in value and not _RESOURCE.fullmatch(value):
            item.refuse(f"{value!r} is no resource; write its lower-case plural, such as pods or pods/log")
    for item, value in zip(keys["verbs"].items(), rule["verbs"], strict=True):
        item.refuse(_verb_problem(value))
    if not allow_privileged:
        privileges = _privileges(rule)
        if privileges:
            entry.refuse(f"{'; '.join(privileges)}. Drop it, or set allow_privileged_rules: true for the stage")
    return {key: values for key, values in rule.items() if values}


def _verb_problem(verb: str) -> str | None:
    if verb in _VERBS or verb in _POWERFUL_VERBS or verb == "*":
        return None
    meant = did_you_mean(verb, _VERBS, cutoff=0.75)
    if meant:
        return f"no verb {verb!r}{meant}"
    return None if _VERB.fullmatch(verb) else f"{verb!r} is no verb"


def _privileges(rule: Rule) -> list[str]:
    wild = [key for key in ("apiGroups", "resources", "verbs") if any("*" in value for value in rule[key])]
    wildcards = [f"a wildcard in {' and '.join(wild)} also gives what is added to the cluster later"] if wild else []
    verbs = [f"{verb!r} {why}" for verb, why in _POWERFUL_VERBS.items() if verb in rule["verbs"]]
    return [*wildcards, *verbs, *_powers(rule), *_unnamed_secrets(rule)]


def _powers(rule: Rule) -> list[str]:
    found = []
    for power in _POWERS:
        resources = [resource for resource in rule["resources"] if resource in power.resources]
        verbs = [verb for verb in rule["verbs"] if not power.verbs or verb in power.verbs]
        if resources and verbs and power.groups.intersection(rule["apiGroups"]):
            found.append(f"{_spell(verbs)} on {_spell(resources)} {power.why}")
    return found


def _unnamed_secrets(rule: Rule) -> list[str]:
    verbs = [verb for verb in rule["verbs"] if verb in ("get", "update", "patch", "delete")]
    if "" in rule["apiGroups"] and "secrets" in rule["resources"] and verbs and not rule["resourceNames"]:
        return [f"{_spell(verbs)} on 'secrets' without resourceNames is for every Secret of the namespace"]
    return []


def _spell(words: list[str]) -> str:
    return ", ".join(repr(word) for word in words)
