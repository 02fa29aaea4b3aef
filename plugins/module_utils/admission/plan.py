# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From stages and settings to what the templates of the admission policies print. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.controllers import CONTROLLERS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.settings import (
    POD_POLICIES,
    POLICIES,
    Settings,
    read_settings,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.system_namespaces import SYSTEM
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import PARENT_NAMESPACE, Layer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stage_model
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.peers import NAMESPACE_NAME

DOMAIN = "gpu-cluster.hardening"
GPU_QUOTA = "gpus"

# What a policy is made of, where one object cannot say it: the API server judges a binding together with the role
# that it names as a parameter, which is of one kind for each policy.
PARTS: Mapping[str, tuple[str, ...]] = {
    "rbac": ("rbac", "rbac_cluster_roles", "rbac_roles"),
    "tampering": ("tampering", "own_namespaces", "written_secrets"),
    "host_access": ("host_access", "host_volumes"),
}
PARAMETERS = ("rbac_cluster_roles", "rbac_roles")
LAYERS = (
    "pod_security",
    "rbac",
    "network_policies",
    "admission_policies",
    "external_secrets",
    "device_plugin",
    "dcgm_exporter",
    "falco",
    "gpu_alerts",
)
"""Layers whose objects are guarded. Those of ``workloads`` are, too, but operators of the cluster may change them."""

Plan = dict[str, Any]
Scope: TypeAlias = "tuple[str, list[str], dict[str, Any] | None]"
"""Which binding, what it does, and the namespaces it holds in: all if empty, none if None."""


def plan_admission(stages: object, given: Mapping[str, object]) -> Plan:
    """What is to be applied, as the templates want it.

    Args:
        stages: the stages as the user wrote them, see docs/stages.md.
        given: the role's variables without their prefix.

    Raises:
        HardeningError: with everything that is wrong.
    """
    try:
        model: list[dict[str, Any]] = list(stage_model.validate(stages))
    except stage_model.StageError as error:
        raise HardeningError(join_failures("The stages are wrong", error.problems)) from None
    problems: list[str] = []
    namespaces = {stage["name"]: stage["namespace"] for stage in model}
    settings = read_settings(given, namespaces, problems)
    if problems:
        raise HardeningError(join_failures("The admission policies are set wrong", problems))
    bindings = _bindings(model, settings)
    parts = [part for policy in POLICIES for part in _parts(policy)]
    owner = {part: policy for policy in POLICIES for part in _parts(policy)}
    policies = [part for part in parts if any(binding["policy"] == part for binding in bindings)]
    quotas = _quotas(model, settings)
    return {
        "policies": policies,
        "names": {part: policy_name(part) for part in parts},
        "annotations": {part: _annotations(owner[part], settings) for part in parts},
        "exempt": {part: _exempt(owner[part], settings) for part in parts},
        "bindings": bindings,
        "quotas": quotas,
        "namespaces": list(namespaces.values()),
        "excluded_namespaces": settings.excluded,
        "registries": {
            namespace: settings.stage_registries.get(stage, settings.registries)
            for stage, namespace in namespaces.items()
        },
        "other_registries": settings.registries,
        "secret_group_read": settings.secret_group_read,
        "gpu_accounts": _gpu_accounts(model, settings),
        "gpu_resources": settings.gpu_resources,
        "gpu_runtime_classes": settings.gpu_runtime_classes,
        "gpu_taints": [list(taint) for taint in settings.gpu_taints],
        "token_namespaces": [stage["namespace"] for stage in model if stage["service_account"]["automount"]],
        "api_audiences": settings.api_audiences,
        "privileged_roles": _privileged_roles(stages, model),
        "controllers": list(CONTROLLERS),
        "layer_ids": [Layer(name).set_id for name in LAYERS],
        "workload_id": Layer("workloads").set_id,
        "own_namespaces": list(_own(model, settings)),
        "trusted_namespaces": list(_trusted(model, settings)),
        "trusted_labels": sorted(settings.peers.labels),
        "token_users": settings.token_users,
        "vault": {
            "account": settings.vault_account,
            "audience": settings.vault_audience,
            "users": settings.vault_users,
        },
        "stage_pods": {stage["namespace"]: stage["pods"] for stage in model if stage["pods"]},
        "stage_accounts": {
            stage["namespace"]: [stage["service_account"]["name"], *settings.gpu_accounts.get(stage["name"], [])]
            for stage in model
        },
        "reserved_accounts": sorted({*settings.operator_accounts, *filter(None, [settings.vault_account])}),
        "node_labels": settings.node_labels,
    }


def policy_name(policy: str, scope: str = "") -> str:
    """The name of a policy, or of one of its bindings: ``image-digests.gpu-cluster.hardening``."""
    return f"{policy.replace('_', '-')}{scope}.{DOMAIN}"


def _bindings(model: Sequence[Mapping[str, Any]], settings: Settings) -> list[dict[str, Any]]:
    return [
        {
            "name": policy_name(part, scope),
            "policy": part,
            "actions": actions,
            "selector": selector,
            "parameter": part in PARAMETERS,
        }
        for policy in POLICIES
        for part in _parts(policy)
        for scope, actions, selector in _scopes(policy, part, model, settings)
        if actions and selector is not None
    ]


def _parts(policy: str) -> tuple[str, ...]:
    return PARTS.get(policy, (policy,))


def _scopes(policy: str, part: str, model: Sequence[Mapping[str, Any]], settings: Settings) -> list[Scope]:
    actions = settings.actions[policy]
    stages = [stage["namespace"] for stage in model]
    if part == "host_volumes":  # volumes are in no namespace
        return [("", settings.cluster_wide.get(policy, []), {})]
    if part == "own_namespaces":
        return [("", actions, _selector("In", _own(model, settings)))]
    if policy == "network" or part == "written_secrets":
        return [("", actions, _selector("In", stages))]
    if policy == "tokens":
        return [("", actions, _selector("In", [*stages, *_own(model, settings)]))]
    if policy not in POD_POLICIES:
        return [("", actions, {})]
    # The policy of pods is what Pod Security leaves open in its restricted level.
    held = [stage for stage in model if policy != "pods" or stage["pod_security"]["enforce"] == "restricted"]
    trial = [stage["namespace"] for stage in held if stage["name"] in settings.trial and "Deny" in actions]
    strict = [stage["namespace"] for stage in held if stage["namespace"] not in trial]
    foreign = [*settings.excluded, *stages]
    return [
        ("", actions, _selector("In", strict)),
        ("-trial", ["Warn", "Audit"], _selector("In", trial)),
        ("-elsewhere", settings.cluster_wide.get(policy, []), _selector("NotIn", foreign)),
    ]


def _selector(operator: str, namespaces: Sequence[str]) -> dict[str, Any] | None:
    """By the label that the API server itself sets, so that no namespace can leave or enter by a label."""
    if not namespaces:
        return None
    return {"matchExpressions": [{"key": NAMESPACE_NAME, "operator": operator, "values": list(namespaces)}]}


def _own(model: Sequence[Mapping[str, Any]], settings: Settings) -> list[str]:
    """Namespaces in which nobody works but this collection and who else runs the GPUs."""
    stages = [stage["namespace"] for stage in model]
    return [name for name in (PARENT_NAMESPACE, *settings.excluded) if name not in (*SYSTEM, *stages)]


def _trusted(model: Sequence[Mapping[str, Any]], settings: Settings) -> list[str]:
    """Namespaces that something is allowed to by their name, so that not everybody may make one of that name."""
    stages = [stage["namespace"] for stage in model]
    others = sorted(name for name in {*settings.peers.names, *settings.named_accounts} if name)
    names = dict.fromkeys([*stages, *_own(model, settings), *others])
    return [name for name in names if name not in (*SYSTEM, "default")]


def _exempt(policy: str, settings: Settings) -> list[str]:
    return [f"{item.namespace}/{item.name}" for item in settings.exemptions if item.policy == policy]


def _annotations(policy: str, settings: Settings) -> dict[str, str]:
    """Why objects are exempt, where whoever meets the exemption will look."""
    reasons = [f"{item.namespace}/{item.name}: {item.reason}" for item in settings.exemptions if item.policy == policy]
    return {f"{DOMAIN}/exemptions": "\n".join(reasons)} if reasons else {}


def _gpu_accounts(model: Sequence[Mapping[str, Any]], settings: Settings) -> dict[str, list[str]]:
    return {
        stage["namespace"]: [stage["service_account"]["name"], *settings.gpu_accounts.get(stage["name"], [])]
        for stage in model
        if stage["gpu"]
    }


def _quotas(model: Sequence[Mapping[str, Any]], settings: Settings) -> list[dict[str, Any]]:
    return [
        {
            "namespace": stage["namespace"],
            "stage": stage["name"],
            "name": GPU_QUOTA,
            "hard": {_quota_key(name): number for name, number in settings.gpu_quotas[stage["name"]].items()},
        }
        for stage in model
        if settings.gpu_quotas.get(stage["name"])
    ]


def _quota_key(device: str) -> str:
    """Extended resources are counted by their requests, devices of a DeviceClass by a name of their own.

    Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
    """
    return device if ".deviceclass.resource.k8s.io/" in device else f"requests.{device}"


def _privileged_roles(raw: object, model: Sequence[Mapping[str, Any]]) -> list[str]:
    """Roles of this collection that hold more than others may, because their stage says so."""
    written = raw if isinstance(raw, list | tuple) else []
    return [
        f"{stage['namespace']}/{stage['service_account']['name']}-role"
        for stage, entry in zip(model, written, strict=True)
        if entry.get("allow_privileged_rules")
    ]
