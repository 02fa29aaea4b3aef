# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which policies get harder, what they are tried on, and what the server's warnings come to."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.policy_rehearsal_plan import (
    BINDING,
    POLICY,
    candidate,
    copies,
    holds_in,
    refusals,
    stands_alone,
    tightened,
)

RULE = {"resources": ["deployments", "statefulsets"]}
VALIDATIONS = [{"expression": "true"}]


def policy(name: str = "secrets", **spec: Any) -> dict[str, Any]:
    whole = {"matchConstraints": {"resourceRules": [RULE]}, "validations": VALIDATIONS, **spec}
    return {"apiVersion": "v1", "kind": POLICY, "metadata": {"name": name}, "spec": whole}


def binding(*actions: str, namespaces: tuple[str, ...] = ("a",), name: str = "secrets") -> dict[str, Any]:
    selector = {"matchExpressions": [{"key": "k", "operator": "In", "values": list(namespaces)}]}
    spec = {"policyName": name, "validationActions": list(actions), "matchResources": {"namespaceSelector": selector}}
    return {"apiVersion": "v1", "kind": BINDING, "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    "live",
    [
        [],
        [policy(), binding("Warn")],
        [policy(), binding("Deny", namespaces=("b",))],
        [policy(validations=[{"expression": "false"}]), binding("Deny")],
    ],
    ids=["nothing is there", "warns only", "elsewhere", "judges otherwise"],
)
def test_what_will_deny_where_nothing_does_is_tried(live: list[dict[str, Any]]) -> None:
    wanted = [policy(), binding("Deny", "Audit")]
    assert tightened(wanted, live) == wanted


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ([policy(), binding("Deny")], [policy(), binding("Deny", "Audit")]),
        ([policy(), binding("Warn")], []),
        ([policy(matchConstraints={"resourceRules": [{"resources": ["nodes"]}]}), binding("Deny")], []),
    ],
    ids=["as it is", "denies nothing", "not about pods"],
)
def test_what_refuses_no_more_pods_than_now_is_not(wanted: list[dict[str, Any]], live: list[dict[str, Any]]) -> None:
    assert tightened(wanted, live) == []


def test_copies_have_other_names_and_only_warn() -> None:
    first, second = copies([policy(), binding("Deny", "Audit")])
    assert first["metadata"]["name"] == second["spec"]["policyName"] == "rehearsal-secrets"
    assert second["spec"]["validationActions"] == ["Warn"]


@pytest.mark.parametrize(
    ("operator", "namespace", "expected"),
    [("In", "a", True), ("In", "b", False), ("NotIn", "a", False), ("NotIn", "b", True)],
)
def test_only_where_a_binding_holds_something_is_tried(operator: str, namespace: str, expected: bool) -> None:
    bound = binding("Deny")
    bound["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"][0]["operator"] = operator
    assert holds_in([policy(), bound], namespace) is expected


def item(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "ml", **metadata}, "spec": {}, "status": {}}


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (item(), True),
        (item(ownerReferences=[{"controller": True}]), False),
        (item(namespace="kube-system"), False),
        (item(annotations={"kubernetes.io/config.mirror": "x"}), False),
        ({**item(), "status": {"phase": "Succeeded"}}, False),
        ({**item(), "status": {"completionTime": "now"}}, False),
    ],
)
def test_what_somebody_made_and_runs_is_tried(live: dict[str, Any], expected: bool) -> None:
    assert stands_alone(live) is expected


def test_a_pod_is_tried_as_it_was_written() -> None:
    mounts = [{"name": "kube-api-access-x7x7x", "mountPath": "/t"}, {"name": "data", "mountPath": "/d"}]
    live = item()
    live["spec"] = {
        "nodeName": "gpu-0",
        "containers": [{"name": "c", "volumeMounts": mounts}],
        "volumes": [{"name": "kube-api-access-x7x7x"}, {"name": "data"}],
    }
    spec = candidate(live, "v1", "Pod")["spec"]
    assert spec == {"containers": [{"name": "c", "volumeMounts": mounts[1:]}], "volumes": [{"name": "data"}]}
    assert live["spec"]["nodeName"] == "gpu-0"


def test_a_job_is_tried_without_what_its_controller_set() -> None:
    given = {"controller-uid": "1", "app": "a"}
    live = item(labels=dict(given))
    live["spec"] = {"selector": {"matchLabels": given}, "template": {"metadata": {"labels": dict(given)}}}
    body = candidate(live, "batch/v1", "Job")
    assert body["metadata"] == {"name": "a-check", "namespace": "ml", "labels": {"app": "a"}}
    assert body["spec"] == {"template": {"metadata": {"labels": {"app": "a"}}}}


def test_warnings_of_copies_are_refusals_and_others_are_not() -> None:
    body = {"kind": "Deployment", "metadata": {"namespace": "ml", "name": "a-check"}}
    said = (
        "Validation failed for ValidatingAdmissionPolicy 'rehearsal-secrets.x' with binding 'rehearsal-secrets.x': no"
    )
    (found,) = refusals(
        body, "a", [said, "Validation failed for ValidatingAdmissionPolicy 'pods' with binding 'b': no"]
    )
    assert (found.kind, found.namespace, found.name, found.policy, found.message) == (
        *("Deployment", "ml", "a", "secrets.x", "no"),
    )
