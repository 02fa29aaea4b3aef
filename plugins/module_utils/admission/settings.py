# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads how the admission policies are to be set, and finds everything that is wrong with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    dns_label_problem,
    dns_subdomain_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import (
    OPTIONAL,
    REQUIRED,
    Entry,
    describe,
    suggest,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import read_registry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.taints import read_taints
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.named_namespaces import (
    Named,
    named_namespaces,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.subjects import ACCOUNT, read_subjects

POD_POLICIES = ("image_digests", "image_registries", "secrets", "gpu_use", "pods", "placement", "host_access")
"""Policies of pods and of what makes pods. They can hold in some namespaces and not in others."""
CLUSTER_POLICIES = ("rbac", "namespaces", "tampering", "network", "tokens", "nodes")
"""Policies of all else. They hold in the whole cluster, or where what they protect is: nobody chooses namespaces."""
POLICIES = (*POD_POLICIES, *CLUSTER_POLICIES)
ACTIONS = ("Deny", "Warn", "Audit")
OWN = ("nvidia-device-plugin", "dcgm-exporter", "falco", "external-secrets")
"""Namespaces that this collection makes for what it runs."""
NEVER = ("kube-system", *OWN)
"""Namespaces whose pods no policy sees: without them there is no cluster, no GPU and no watch over either. In
``kube-public`` and ``kube-node-lease`` nothing runs."""

_PREFIX = "admission_policies_"
_EXEMPTION = {"policy": REQUIRED, "namespace": OPTIONAL, "name": REQUIRED, "reason": REQUIRED}
_QUANTITY = re.compile(r"[0-9]+")
_RESOURCE_PREFIX = re.compile(r"[a-z0-9][-a-z0-9.]*/[-A-Za-z0-9_.]*")


@dataclass(frozen=True)
class Exemption:
    """An object that a policy lets pass."""

    policy: str
    namespace: str
    name: str
    reason: str


@dataclass(frozen=True)
class Settings:
    """The checked settings. ``stages`` in a description stands for a mapping by the name of a stage.

    Attributes:
        actions: what a policy does with a violation, by policy; none means that there is no such policy.
        trial: stages that only warn where others deny.
        cluster_wide: actions in namespaces of no stage, by policy of pods.
        excluded: namespaces that no policy of pods sees.
        registries: registries and repositories that are approved.
        stage_registries: stages -> what is approved there instead.
        secret_group_read: let the group of a file of a Secret read it.
        gpu_resources: prefixes of the names of GPU resources.
        gpu_runtime_classes: names of RuntimeClasses that give GPUs.
        gpu_accounts: stages -> accounts that may use GPUs beside that of the stage.
        gpu_taints: pairs of key and effect.
        gpu_quotas: stages -> resource -> the most that its pods may request together.
        token_users: users that may make tokens of the accounts of stages.
        vault_account: name of the account, in each stage, whose tokens are shown to Vault; empty without Vault.
        vault_audience: audience of those tokens.
        vault_users: users of operators, which alone may make them.
        operator_accounts: names of accounts in stages that only pods of this collection run as.
        peers: namespaces, and labels of namespaces, that the network policies trust.
        named_accounts: namespaces of accounts that may harden, or run pods on nodes.
        node_labels: keys of the labels of GPU nodes.
        api_audiences: audiences for which a token is one for the API server.
        exemptions: objects that pass.
    """

    actions: Mapping[str, list[str]]
    trial: list[str]
    cluster_wide: Mapping[str, list[str]]
    excluded: list[str]
    registries: list[str]
    stage_registries: Mapping[str, list[str]]
    secret_group_read: bool
    gpu_resources: list[str]
    gpu_runtime_classes: list[str]
    gpu_accounts: Mapping[str, list[str]]
    gpu_taints: list[tuple[str, str]]
    gpu_quotas: Mapping[str, dict[str, str]]
    token_users: list[str]
    vault_account: str
    vault_audience: str
    vault_users: list[str]
    operator_accounts: list[str]
    peers: Named
    named_accounts: list[str]
    node_labels: list[str]
    api_audiences: list[str]
    exemptions: list[Exemption]


def read_settings(given: Mapping[str, Any], stages: Mapping[str, str], problems: list[str]) -> Settings:
    """Read the settings.

    Args:
        given: values by the name of the role's variable, without its prefix; all are required.
        stages: the namespace of each stage.
        problems: gets a line for each problem, which begins with the name of the variable.
    """

    def entry(name: str) -> Entry:
        return Entry(_PREFIX + name, given.get(name), problems)

    operator = given.get("operator") or {}

    def of_operator(name: str) -> Entry:
        return Entry(f"external_secrets_admission.{name}", operator.get(name, []), problems)

    actions = {policy: _read_actions(entry(f"{policy}_actions")) for policy in POLICIES}
    operator_registries = _read_registries(of_operator("registries"))
    # Without an operator that is known, nobody can be told apart from it.
    named = _read_texts(entry("vault_users"))
    vault = [*named, *(operator.get("users") or ())] if given.get("vault_url") else []
    cluster_wide = {
        policy: _read_actions(value)
        for policy, value in _by_name(entry("cluster_wide"), POD_POLICIES, "policy of pods").items()
    }
    return Settings(
        actions=actions,
        trial=_read_stage_names(entry("trial_stages"), stages),
        cluster_wide={policy: chosen for policy, chosen in cluster_wide.items() if chosen},
        excluded=_read_excluded(entry("excluded_namespaces"), stages),
        registries=_with(_read_registries(entry("registries")), operator_registries),
        stage_registries={
            stage: _with(_read_registries(value), operator_registries)
            for stage, value in _by_name(entry("stage_registries"), stages).items()
        },
        secret_group_read=entry("secret_group_read").flag(),
        gpu_resources=[_read_resource(item) for item in entry("gpu_resources").items()],
        gpu_runtime_classes=_read_names(entry("gpu_runtime_classes"), "RuntimeClass"),
        gpu_accounts={
            stage: _read_names(value, "service account")
            for stage, value in _by_name(entry("gpu_service_accounts"), stages).items()
        },
        gpu_taints=[_slot(taint) for taint in read_taints(entry("gpu_taints"), effect=REQUIRED)],
        gpu_quotas={stage: _read_quota(value) for stage, value in _by_name(entry("gpu_quotas"), stages).items()},
        token_users=_read_texts(entry("token_users")),
        vault_account=str(given.get("vault_service_account") or "") if vault else "",
        vault_audience=str(given.get("vault_audience") or "") if vault else "",
        vault_users=vault,
        operator_accounts=[user.rpartition(":")[2] for user in operator.get("users") or ()],
        peers=named_namespaces(given.get("trusting")),
        named_accounts=[
            subject["namespace"]
            for name in ("hardeners", "node_agents")
            for subject in read_subjects(Entry(f"gpu_cluster_{name}", given.get(name), problems))
            if subject["kind"] == ACCOUNT
        ],
        node_labels=[key for key in _read_texts(entry("node_labels")) if key],
        api_audiences=_read_texts(entry("api_audiences")),
        exemptions=[
            exemption
            for name in (entry("exemptions"), of_operator("exemptions"))
            for exemption in _read_exemptions(name, stages, cluster_wide)
        ],
    )


def _with(registries: list[str], more: list[str]) -> list[str]:
    return [*registries, *(registry for registry in more if registry not in registries)]


def _read_actions(entry: Entry) -> list[str]:
    actions = [item.choice(ACTIONS) for item in entry.items()]
    if len(set(actions)) < len(actions):
        entry.refuse("names an action twice")
    if {"Deny", "Warn"} <= set(actions):
        entry.refuse("has both Deny and Warn, which the API server refuses, as a denial says it all; drop Warn")
    return [action for action in ACTIONS if action in actions]


def _by_name(entry: Entry, known: Sequence[str] | Mapping[str, object], what: str = "stage") -> dict[str, Entry]:
    named = entry.named()
    for name, value in named.items():
        if name not in known:
            value.refuse(f'no {what} "{name}"{suggest(name, known)}')
    return {name: value for name, value in named.items() if name in known}


def _read_stage_names(entry: Entry, stages: Mapping[str, str]) -> list[str]:
    names = []
    for item in entry.items():
        name = item.text()
        if isinstance(item.value, str) and name not in stages:
            item.refuse(f'no stage "{name}"{suggest(name, stages)}')
        names.append(name)
    return names


def _read_excluded(entry: Entry, stages: Mapping[str, str]) -> list[str]:
    owners = {namespace: stage for stage, namespace in stages.items()}
    excluded = list(NEVER)
    for item in entry.items():
        name = item.text()
        if not isinstance(item.value, str) or item.refuse(dns_label_problem(name, "namespace")):
            continue
        if name in owners:
            item.refuse(f"{name} is the namespace of stage {owners[name]}, which the policies are for")
        elif name not in excluded:
            excluded.append(name)
    for name in NEVER:
        if name in owners:
            entry.refuse(f"no policy holds in {name}, which is the namespace of stage {owners[name]}; give it another")
    return excluded


def _read_registries(entry: Entry) -> list[str]:
    return [read_registry(item) for item in entry.items()]


def _read_names(entry: Entry, what: str) -> list[str]:
    names = []
    for item in entry.items():
        name = item.text()
        if isinstance(item.value, str):
            item.refuse(dns_subdomain_problem(name, what))
        names.append(name)
    return names


def _read_texts(entry: Entry) -> list[str]:
    texts = []
    for item in entry.items():
        text = item.text()
        if isinstance(item.value, str) and not text:
            item.refuse("must not be empty")
        texts.append(text)
    return texts


def _read_resource(entry: Entry) -> str:
    text = entry.text()
    if isinstance(entry.value, str) and not _RESOURCE_PREFIX.fullmatch(text):
        entry.refuse(f"{text!r} begins the name of no GPU; write a domain and a slash, such as nvidia.com/")
    return text


def _read_quota(entry: Entry) -> dict[str, str]:
    quota = {}
    for name, value in entry.named().items():
        text = str(value.value)
        if isinstance(value.value, bool) or not _QUANTITY.fullmatch(text):
            value.refuse(f"must be a whole number of devices, not {describe(value.value)}")
        if "/" not in name or name.startswith("requests."):
            value.refuse(f"{name!r} is no device; write its name as pods request it, such as nvidia.com/gpu")
        quota[name] = text
    return quota


def _read_exemptions(entry: Entry, stages: Mapping[str, str], cluster_wide: Mapping[str, object]) -> list[Exemption]:
    return [_read_exemption(item, stages, cluster_wide) for item in entry.items()]


def _read_exemption(entry: Entry, stages: Mapping[str, str], cluster_wide: Mapping[str, object]) -> Exemption:
    keys = entry.keys(_EXEMPTION)
    policy = keys["policy"].choice(POLICIES)
    namespace, name, reason = (keys[key].text() for key in ("namespace", "name", "reason"))
    if policy in POD_POLICIES and not keys["namespace"].given:
        entry.refuse("namespace is missing")
    if policy in POD_POLICIES and namespace and policy not in cluster_wide and namespace not in stages.values():
        keys["namespace"].refuse(f"{policy} does not hold in {namespace}{suggest(namespace, stages.values())}")
    if policy == "namespaces" and keys["namespace"].given:
        keys["namespace"].refuse("a namespace is in no namespace; write its name as name")
    for key in ("name", "reason"):
        if keys[key].given and keys[key].value == "":
            keys[key].refuse("must not be empty")
    return Exemption(policy, namespace, name, reason)


def _slot(taint: Mapping[str, str]) -> tuple[str, str]:
    """What a toleration has to name."""
    return taint.get("key", ""), taint.get("effect", "")
