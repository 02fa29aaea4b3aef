# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RBAC rules: their shape, and the rights that are worth more than they look."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.rbac_rules import Rule, read_rules


def a_rule(
    resources: list[str], verbs: list[str], group: str = "", names: list[str] | None = None
) -> dict[str, object]:
    rule: dict[str, object] = {"apiGroups": [group], "resources": resources, "verbs": verbs}
    return {**rule, "resourceNames": names} if names else rule


def read(rule: object, allow_privileged: bool = False) -> tuple[list[Rule], list[str]]:
    """The rules, and what is wrong with them."""
    entry = Entry("rules", [rule])
    return read_rules(entry, allow_privileged), entry.problems


@pytest.mark.parametrize(
    "rule",
    [
        a_rule(["configmaps"], ["get", "list"], names=["training-config", "model-hyperparams"]),
        a_rule(["persistentvolumeclaims"], ["get"]),
        a_rule(["events"], ["create"]),
        a_rule(["configmaps", "secrets"], ["get"], names=["model-registry-credentials", "serving-config"]),
        a_rule(["pods", "services"], ["get", "list", "watch"]),
        a_rule(["pods/log"], ["get"]),
        a_rule(["endpointslices"], ["get", "list", "watch"], "discovery.k8s.io"),
        a_rule(["jobs"], ["get", "list"], "batch"),
        a_rule(["deployments/scale"], ["patch"], "apps"),
    ],
)
def test_accepts_modest_rules_as_they_are(rule: dict[str, object]) -> None:
    assert read(rule) == ([rule], [])


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (a_rule(["secrets"], ["list"]), "'list' on 'secrets' reads every Secret of the namespace"),
        (a_rule(["secrets"], ["watch"], names=["a"]), "'watch' on 'secrets' reads every Secret of the namespace"),
        (a_rule(["secrets"], ["get"]), "'get' on 'secrets' without resourceNames is for every Secret"),
        (a_rule(["secrets"], ["patch"]), "'patch' on 'secrets' without resourceNames is for every Secret"),
        (a_rule(["secrets"], ["create"]), "'create' on 'secrets' gets the token of any account"),
        (a_rule(["serviceaccounts/token"], ["create"]), "gets the token of any account"),
        (a_rule(["pods"], ["create"]), "runs code as any account"),
        (a_rule(["jobs"], ["create"], "batch"), "creates pods"),
        (a_rule(["deployments"], ["patch"], "apps"), "creates pods"),
        (a_rule(["pods/exec"], ["get"]), "runs code in other pods"),
        (a_rule(["pods/attach"], ["create"]), "runs code in other pods"),
        (a_rule(["pods/ephemeralcontainers"], ["update"]), "runs code in other pods"),
        (a_rule(["pods/portforward"], ["create"]), "past the network policies"),
        (a_rule(["networkpolicies"], ["delete"], "networking.k8s.io"), "opens the network"),
        (a_rule(["roles"], ["escalate"], "rbac.authorization.k8s.io"), "'escalate' gives itself more rights"),
        (a_rule(["roles"], ["bind"], "rbac.authorization.k8s.io"), "'bind' gives itself any role"),
        (a_rule(["serviceaccounts"], ["impersonate"]), "'impersonate' acts as somebody else"),
        (a_rule(["configmaps"], ["*"]), "a wildcard in verbs"),
        (a_rule(["*"], ["get"]), "a wildcard in resources"),
        (a_rule(["*/exec"], ["create"]), "a wildcard in resources"),
        (a_rule(["configmaps"], ["get"], "*"), "a wildcard in apiGroups"),
    ],
)
def test_refuses_privileged_rules_unless_they_are_allowed(rule: dict[str, object], why: str) -> None:
    _rules, (problem,) = read(rule)
    assert problem.startswith("rules[0]: ")
    assert why in problem
    assert problem.endswith("Drop it, or set allow_privileged_rules: true for the stage")

    assert read(rule, allow_privileged=True) == ([rule], [])


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("get pods", "rules[0]: must be a mapping, not 'get pods'"),
        ({"resources": ["pods"], "verbs": ["get"]}, "rules[0]: apiGroups is missing"),
        (
            {"apiGroups": [], "resources": ["pods"], "verbs": ["get"]},
            'rules[0].apiGroups: must not be empty; the core group is ""',
        ),
        ({**a_rule(["pods"], [])}, "rules[0].verbs: must not be empty"),
        (a_rule(["pods"], ["gett"]), "rules[0].verbs[0]: no verb 'gett' (did you mean get?)"),
        (a_rule(["pods"], ["GET"]), "rules[0].verbs[0]: no verb 'GET' (did you mean get?)"),
        (a_rule(["ConfigMaps"], ["get"]), "rules[0].resources[0]: 'ConfigMaps' is no resource"),
        (a_rule(["pods"], ["get"], "Apps"), "rules[0].apiGroups[0]: API group 'Apps' must be"),
        ({**a_rule(["pods"], ["get"]), "resourceName": ["a"]}, "rules[0]: no key 'resourceName' is known here"),
        ({**a_rule(["pods"], ["get"]), "nonResourceURLs": ["/"]}, "rules[0]: no key 'nonResourceURLs' is known here"),
        (a_rule("pods", ["get"]), "rules[0].resources: must be a list, not 'pods'"),
        (a_rule([1], ["get"]), "rules[0].resources[0]: must be a string, not 1; quote it"),
    ],
)
def test_refuses_malformed_rules(rule: object, problem: str) -> None:
    _rules, problems = read(rule)
    assert problems[0].startswith(problem)
