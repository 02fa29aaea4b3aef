# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which policies hold where, and every setting that is refused before any request."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.plan import plan_admission
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.settings import POLICIES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

DENY = ["Deny", "Audit"]


def a_stage(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": f"ml-{name}",
        "service_account": {"name": f"{name}-account"},
        "pods": {"app": name},
        "egress": ["dns"],
        **changes,
    }


STAGES = [
    a_stage("training", gpu=True),
    a_stage("serving", gpu=True, pod_security={"enforce": "baseline"}),
    a_stage("monitoring", service_account={"name": "watcher", "automount": True}),
]
SETTINGS: dict[str, Any] = {
    **{f"{policy}_actions": DENY for policy in POLICIES},
    "trial_stages": ["monitoring"],
    "cluster_wide": {"gpu_use": ["Warn"]},
    "excluded_namespaces": ["gpu-operator"],
    "registries": ["registry.internal"],
    "stage_registries": {"serving": ["registry.internal:5000/serving"]},
    "secret_group_read": False,
    "gpu_resources": ["nvidia.com/"],
    "gpu_runtime_classes": ["nvidia"],
    "gpu_taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
    "gpu_service_accounts": {"training": ["tuner"]},
    "gpu_quotas": {"training": {"nvidia.com/gpu": 8, "gold.deviceclass.resource.k8s.io/devices": "2"}},
    "node_labels": ["node-type"],
    "token_users": [],
    "vault_users": [],
    "vault_url": "",
    "vault_audience": "vault",
    "vault_service_account": "vault-reader",
    "hardeners": [],
    "node_agents": [],
    "trusting": [],
    "api_audiences": ["https://kubernetes.default.svc"],
    "exemptions": [],
    "operator": {},
}

# Variables of other roles, or of the whole collection.
OF_OTHERS = {
    *("operator", "trusting", "hardeners", "node_agents"),
    *("vault_url", "vault_audience", "vault_service_account"),
}


def plan(stages: Any = None, **changes: Any) -> dict[str, Any]:
    return plan_admission(STAGES if stages is None else stages, {**SETTINGS, **changes})


def bindings(planned: dict[str, Any]) -> dict[str, tuple[list[str], list[str]]]:
    """Actions and namespaces by the name of the binding, without the domain."""
    return {
        item["name"].removesuffix(".gpu-cluster.hardening"): (
            item["actions"],
            [name for rule in item["selector"].get("matchExpressions", ()) for name in rule["values"]],
        )
        for item in planned["bindings"]
    }


def test_a_stage_on_trial_is_warned_where_the_others_are_denied() -> None:
    found = bindings(plan())
    assert found["secrets"] == (DENY, ["ml-training", "ml-serving"])
    assert found["secrets-trial"] == (["Warn", "Audit"], ["ml-monitoring"])


def test_without_a_denial_there_is_no_trial() -> None:
    found = bindings(plan(secrets_actions=["Audit"]))
    assert found["secrets"] == (["Audit"], ["ml-training", "ml-serving", "ml-monitoring"])
    assert "secrets-trial" not in found


def test_the_policy_of_pods_holds_in_restricted_stages_only() -> None:
    found = bindings(plan(trial_stages=[]))
    assert found["pods"] == (DENY, ["ml-training", "ml-monitoring"])
    assert "pods-trial" not in found


def test_other_namespaces_are_all_but_those_of_stages_and_those_that_no_policy_sees() -> None:
    actions, namespaces = bindings(plan())["gpu-use-elsewhere"]
    assert actions == ["Warn"]
    assert namespaces == [
        *("kube-system", "nvidia-device-plugin", "dcgm-exporter", "falco", "external-secrets"),
        *("gpu-operator", "ml-training", "ml-serving", "ml-monitoring"),
    ]


def test_policies_of_the_cluster_have_one_binding_without_a_selector() -> None:
    found = bindings(plan())
    for name in ("rbac", "rbac-cluster-roles", "rbac-roles", "namespaces", "tampering", "nodes"):
        assert found[name] == (DENY, [])
    assert not [name for name in found if name.endswith("-elsewhere") and name != "gpu-use-elsewhere"]


def test_what_the_policies_know_of_the_stages() -> None:
    planned = plan([*STAGES, a_stage("building", allow_privileged_rules=True)])
    assert planned["gpu_accounts"] == {"ml-training": ["training-account", "tuner"], "ml-serving": ["serving-account"]}
    assert planned["token_namespaces"] == ["ml-monitoring"]
    assert planned["privileged_roles"] == ["ml-building/building-account-role"]
    assert planned["registries"]["ml-training"] == ["registry.internal"]
    assert planned["registries"]["ml-serving"] == ["registry.internal:5000/serving"]


def test_quotas_count_requests_and_devices() -> None:
    (quota,) = plan()["quotas"]
    assert quota["namespace"] == "ml-training"
    assert quota["hard"] == {"requests.nvidia.com/gpu": "8", "gold.deviceclass.resource.k8s.io/devices": "2"}


def test_an_exemption_is_written_where_it_is_met() -> None:
    given = {"policy": "secrets", "namespace": "ml-serving", "name": "old", "reason": "moves to files in March"}
    planned = plan(exemptions=[given, {"policy": "rbac", "name": "old-admin", "reason": "goes in March"}])
    assert planned["exempt"]["secrets"] == ["ml-serving/old"]
    assert planned["exempt"]["rbac"] == ["/old-admin"]
    assert planned["annotations"]["secrets"] == {
        "gpu-cluster.hardening/exemptions": "ml-serving/old: moves to files in March"
    }
    assert planned["annotations"]["pods"] == {}


EXEMPTION = {"policy": "secrets", "namespace": "ml-serving", "name": "old", "reason": "why"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"secrets_actions": ["Denied"]}, "secrets_actions[0]: 'Denied' is not one of Deny, Warn, Audit (did you mean"),
        ({"secrets_actions": ["deny"]}, "secrets_actions[0]: 'deny' is not one of"),
        ({"secrets_actions": ["Deny", "Warn"]}, "secrets_actions: has both Deny and Warn"),
        ({"secrets_actions": ["Audit", "Audit"]}, "secrets_actions: names an action twice"),
        ({"secrets_actions": "Deny"}, "secrets_actions: must be a list"),
        ({"trial_stages": ["trainign"]}, 'trial_stages[0]: no stage "trainign" (did you mean training?)'),
        ({"stage_registries": {"srving": []}}, 'stage_registries.srving: no stage "srving" (did you mean serving?)'),
        ({"gpu_service_accounts": {"x": ["a"]}}, 'gpu_service_accounts.x: no stage "x"'),
        ({"gpu_service_accounts": {"training": ["A_b"]}}, "gpu_service_accounts.training[0]: service account 'A_b'"),
        ({"gpu_quotas": {"x": {}}}, 'gpu_quotas.x: no stage "x"'),
        ({"gpu_quotas": {"training": {"nvidia.com/gpu": -1}}}, "must be a whole number of devices, not -1"),
        ({"gpu_quotas": {"training": {"gpu": 1}}}, "'gpu' is no device"),
        ({"gpu_quotas": {"training": {"requests.nvidia.com/gpu": 1}}}, "is no device; write its name as pods"),
        ({"cluster_wide": {"rbac": ["Deny"]}}, 'cluster_wide.rbac: no policy of pods "rbac"'),
        ({"cluster_wide": {"pods": ["Deny", "Warn"]}}, "cluster_wide.pods: has both Deny and Warn"),
        ({"registries": ["ml-trainer"]}, "registries[0]: 'ml-trainer' is no registry"),
        ({"registries": ["https://registry.internal"]}, "registries[0]: 'https://registry.internal' is no registry"),
        ({"registries": ["registry.internal/"]}, "registries[0]: 'registry.internal/' is no registry"),
        ({"registries": ["registry.internal/ml:v1"]}, "is no registry"),
        ({"registries": ["/ml"]}, "registries[0]: '/ml' is no registry"),
        ({"registries": [""]}, "registries[0]: '' is no registry"),
        ({"registries": [5]}, "registries[0]: must be a string"),
        ({"excluded_namespaces": ["ml-training"]}, "ml-training is the namespace of stage training"),
        ({"excluded_namespaces": ["No_Name"]}, "excluded_namespaces[0]: namespace 'No_Name'"),
        ({"gpu_resources": [""]}, "gpu_resources[0]: '' begins the name of no GPU"),
        ({"gpu_resources": ["cpu"]}, "gpu_resources[0]: 'cpu' begins the name of no GPU"),
        ({"gpu_taints": [{"key": "a", "effect": "NoShedule"}]}, "gpu_taints[0].effect: 'NoShedule' is not one of"),
        ({"gpu_taints": [{"key": "a"}]}, "gpu_taints[0]: effect is missing"),
        ({"secret_group_read": "yes"}, "secret_group_read: must be true or false"),
        ({"token_users": [""]}, "token_users[0]: must not be empty"),
        ({"exemptions": [{**EXEMPTION, "policy": "secret"}]}, "exemptions[0].policy: 'secret' is not one of"),
        ({"exemptions": [{**EXEMPTION, "namespace": "default"}]}, "exemptions[0].namespace: secrets does not hold in"),
        ({"exemptions": [{**EXEMPTION, "namespace": None}]}, "exemptions[0]: namespace is missing"),
        ({"exemptions": [{**EXEMPTION, "reason": None}]}, "exemptions[0]: reason is missing"),
        ({"exemptions": [{**EXEMPTION, "reason": ""}]}, "exemptions[0].reason: must not be empty"),
        ({"exemptions": [{**EXEMPTION, "policy": "namespaces"}]}, "a namespace is in no namespace"),
    ],
)
def test_refuses_a_wrong_setting(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        plan(**changes)
    assert problem in caught.value.message
    assert "admission_policies_" in caught.value.message


@pytest.mark.parametrize("name", sorted(SETTINGS.keys() - OF_OTHERS))
def test_a_setting_that_is_missing_is_named(name: str) -> None:
    given = {key: value for key, value in SETTINGS.items() if key != name}
    with pytest.raises(HardeningError, match=f"admission_policies_{name}"):
        plan_admission(STAGES, given)


def test_the_operator_of_secrets_passes_in_every_stage_also_in_one_with_registries_of_its_own() -> None:
    repository = "ghcr.io/external-secrets/external-secrets"
    planned = plan(
        registries=["registry.internal"],
        stage_registries={"training": ["registry.training"]},
        operator={"registries": [repository], "exemptions": [EXEMPTION]},
    )
    assert planned["registries"]["ml-training"] == ["registry.training", repository]
    assert planned["other_registries"] == ["registry.internal", repository]
    assert planned["exempt"] == plan(exemptions=[EXEMPTION])["exempt"]


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(HardeningError) as caught:
        plan(trial_stages=["x"], registries=["y"])
    assert "2 problems" in caught.value.message


def test_a_stage_cannot_live_where_no_policy_holds() -> None:
    with pytest.raises(HardeningError, match="no policy holds in falco, which is the namespace of stage watching"):
        plan([*STAGES, a_stage("watching", namespace="falco")])


def test_wrong_stages_are_said_to_be_wrong() -> None:
    with pytest.raises(HardeningError, match="The stages are wrong"):
        plan([a_stage("training", egres=[])])


def test_names_that_something_is_allowed_to_are_trusted_and_those_of_the_cluster_are_not_guarded() -> None:
    peers = [
        {"gateway": {"namespace": "api-gateway"}, "labelled": {"namespace_labels": {"team": "a"}}},
        {"namespace": "kube-system"},
    ]
    agents = [{"kind": "ServiceAccount", "namespace": "storage", "name": "operator"}, {"kind": "User", "name": "ann"}]
    planned = plan(trusting=peers, node_agents=agents)
    assert planned["trusted_namespaces"] == [
        *("ml-training", "ml-serving", "ml-monitoring", "gpu-cluster-hardening"),
        *("nvidia-device-plugin", "dcgm-exporter", "falco", "external-secrets", "gpu-operator"),
        *("api-gateway", "storage"),
    ]
    assert planned["trusted_labels"] == ["team"]


@pytest.mark.parametrize(
    ("subject", "problem"),
    [
        ({"kind": "Group", "name": "system:authenticated"}, "everybody is in system:authenticated"),
        ({"kind": "ServiceAccount", "name": "a"}, "gpu_cluster_hardeners[0]: namespace is missing"),
        ({"kind": "User", "name": "a", "namespace": "b"}, "a User is in no namespace"),
        ({"kind": "Robot", "name": "a"}, "'Robot' is not one of User, Group, ServiceAccount"),
    ],
)
def test_who_may_harden_is_somebody(subject: dict[str, str], problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        plan(hardeners=[subject])
    assert problem in caught.value.message


def test_only_a_known_operator_makes_tokens_for_vault() -> None:
    operator = "system:serviceaccount:ml-serving:external-secrets"
    assert plan(operator={"users": [operator]})["vault"]["users"] == []
    planned = plan(vault_url="https://vault", operator={"users": [operator]}, vault_users=["own"])
    assert planned["vault"] == {"account": "vault-reader", "audience": "vault", "users": ["own", operator]}
    assert planned["reserved_accounts"] == ["external-secrets", "vault-reader"]
