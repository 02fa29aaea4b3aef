# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of stages: as files, from Vault, by an operator with few rights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import STAGE_PODS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import WORKLOADS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place, Remedy, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import (
    containers,
    environment,
)

SECRET_NAME = re.compile(
    r"(^|_)(TOKEN|PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)(_|$)", re.IGNORECASE
)
READABLE = (0, 0o400, 0o440)
"""Modes that others cannot read by; of a group, the kubelet makes one for fsGroup anyway."""
_ADMISSION = Remedy(
    "Mount the Secret as a volume with defaultMode 0400.", "admission_policies", "admission_policies_secrets_actions"
)
_ROLE = Remedy("Let the role external_secrets make the store.", "external_secrets", "external_secrets_stages")


def in_environment(cluster: Cluster) -> Iterator[Finding]:
    """Secrets that become variables."""
    for workload in cluster.stage_workloads:
        for path, container in containers(workload.spec):
            for entry in container.get("env") or ():
                if (entry.get("valueFrom") or {}).get("secretKeyRef"):
                    text = f"variable {entry.get('name')} of container {container.get('name')} is from a Secret"
                    yield workload.finding(text, f"{path}.env[{entry.get('name')}]")
            for index, entry in enumerate(container.get("envFrom") or ()):
                if entry.get("secretRef"):
                    text = f"container {container.get('name')} has all keys of a Secret as variables"
                    yield workload.finding(text, f"{path}.envFrom[{index}]")


def literal(cluster: Cluster) -> Iterator[Finding]:
    """What looks like a credential and stands in the pod itself. Its value is never told."""
    for workload in cluster.workloads:
        for path, container in containers(workload.spec):
            for name, value in environment(container).items():
                if value and SECRET_NAME.search(name) and not value.startswith(("/", "$(")):
                    text = f"variable {name} of container {container.get('name')} has its value in the pod itself"
                    yield workload.finding(text, f"{path}.env[{name}]")


def readable(cluster: Cluster) -> Iterator[Finding]:
    """Files of Secrets that every user of the container reads."""
    for workload in cluster.stage_workloads:
        for volume in workload.spec.get("volumes") or ():
            modes = [_modes(source) for source in _secret_sources(volume)]
            if any(mode not in READABLE for found in modes for mode in found):
                field = f"volumes[{volume.get('name')}]"
                yield workload.finding(
                    f"files of volume {volume.get('name')} can be read by every user of its containers", field
                )


def _secret_sources(volume: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if volume.get("secret"):
        yield volume["secret"]
    projected = volume.get("projected") or {}
    for source in projected.get("sources") or ():
        if source.get("secret"):
            yield {"defaultMode": projected.get("defaultMode"), **source["secret"]}


def _modes(source: Mapping[str, Any]) -> list[int]:
    default = source.get("defaultMode")
    items = [item["mode"] for item in source.get("items") or () if item.get("mode") is not None]
    return [*items, 0o644 if default is None else int(default)]


def by_hand(cluster: Cluster) -> Iterator[Finding]:
    """Secrets that a stage names and nobody fetches."""
    there = {(item["metadata"]["namespace"], _target(item)) for item in cluster.of("ExternalSecret")}
    for namespace, stage in cluster.stages.items():
        for secret in stage["secrets"]:
            if (namespace, secret["name"]) not in there:
                place = Place("v1", "Secret", namespace, secret["name"])
                yield Finding(f"Nothing brings the Secret {secret['name']} of stage {stage['name']} from Vault.", place)


def _target(item: Mapping[str, Any]) -> str:
    spec = item.get("spec") or {}
    return str((spec.get("target") or {}).get("name") or item["metadata"]["name"])


def not_ready(cluster: Cluster) -> Iterator[Finding]:
    """Secrets that are not fetched."""
    for item in cluster.of("ExternalSecret"):
        for condition in item["status"]["conditions"]:
            if condition["type"] == "Ready" and condition["status"] == "False":
                text = f"{place_of(item)} is not fetched ({condition['reason']}), so it is not rotated either."
                yield Finding(text, place_of(item), "status.conditions[Ready]", condition["reason"])


def never_refreshed(cluster: Cluster) -> Iterator[Finding]:
    """Secrets that are fetched once."""
    for item in cluster.of("ExternalSecret"):
        spec = item.get("spec") or {}
        if str(spec.get("refreshInterval", "1h")) in ("0", "0s") or spec.get("refreshPolicy") == "CreatedOnce":
            text = f"{place_of(item)} is fetched once: a rotation in Vault never gets here."
            yield Finding(text, place_of(item), "spec.refreshInterval", str(spec.get("refreshInterval")))


def open_store(cluster: Cluster) -> Iterator[Finding]:
    """Stores that every namespace may use."""
    for item in cluster.of("ClusterSecretStore"):
        if not (item.get("spec") or {}).get("conditions"):
            text = f"{place_of(item)} serves every namespace with all that its login reads."
            yield Finding(text, place_of(item), "spec.conditions")


def _vaults(cluster: Cluster) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for kind in ("SecretStore", "ClusterSecretStore"):
        for item in cluster.of(kind):
            vault = ((item.get("spec") or {}).get("provider") or {}).get("vault")
            if vault:
                yield item, vault


def static_login(cluster: Cluster) -> Iterator[Finding]:
    """Stores that log in with a token that stays."""
    for item, vault in _vaults(cluster):
        methods = vault.get("auth") or {}
        for name in ("tokenSecretRef", "userPass", "appRole"):
            if name in methods:
                text = f"{place_of(item)} logs in at Vault with what is kept in a Secret ({name})."
                yield Finding(text, place_of(item), f"spec.provider.vault.auth.{name}")


def plain(cluster: Cluster) -> Iterator[Finding]:
    """Stores whose values go over the network in the clear."""
    for item, vault in _vaults(cluster):
        server = str(vault.get("server") or "")
        if server.startswith("http://"):
            text = f"{place_of(item)} fetches values without TLS."
            yield Finding(text, place_of(item), "spec.provider.vault.server", server.partition("@")[2] or server)


_STORES = Condition(lambda cluster: any(True for _store in _vaults(cluster)), "There is no store for Vault.")
_EXTERNAL = Condition(lambda cluster: bool(cluster.of("ExternalSecret")), "There is no ExternalSecret.")
_CLUSTER_STORES = Condition(lambda cluster: bool(cluster.of("ClusterSecretStore")), "There is no ClusterSecretStore.")
_NAMED = Condition(
    lambda cluster: any(stage["secrets"] for stage in cluster.stages.values()), "No stage names Secrets."
)
_NEEDS = ("Namespace", *WORKLOADS)
_KINDS = ("SecretStore", "ClusterSecretStore")
CHECKS = (
    Check(
        "GPU-SEC-001",
        "No Secret of a stage is a variable",
        "external_secrets",
        "high",
        "Variables are in crash dumps, in what experiment trackers log, and in /proc of every process below.",
        _ADMISSION,
        in_environment,
        _NEEDS,
        STAGE_PODS,
        {"cis": ("5.4.1",), "aisvs": ("4.4.1",)},
    ),
    Check(
        "GPU-SEC-002",
        "No credential stands in a pod",
        "external_secrets",
        "high",
        "Who may look at pods has it, and so have Git, the audit log and every backup of the cluster.",
        Remedy(
            "Put it into Vault, name it in secrets of the stage, and mount it.",
            "external_secrets",
            "gpu_cluster_stages",
        ),
        literal,
        WORKLOADS,
        None,
        {"cis": ("5.4.1",), "aisvs": ("4.4.1",)},
    ),
    Check(
        "GPU-SEC-003",
        "Files of Secrets are for one user",
        "external_secrets",
        "medium",
        "The default mode lets a model server's helper under another user read the key that signs models.",
        _ADMISSION,
        readable,
        _NEEDS,
        STAGE_PODS,
        {"cis": ("5.4.1",)},
    ),
    Check(
        "GPU-SEC-004",
        "Secrets of stages come from Vault",
        "external_secrets",
        "medium",
        "A Secret that somebody made by hand is never rotated, and nobody knows who has it.",
        Remedy("Run the role external_secrets.", "external_secrets", "gpu_cluster_vault_url"),
        by_hand,
        ("Namespace", "ExternalSecret"),
        _NAMED,
        {"cis": ("5.4.2",), "aisvs": ("4.4.1", "4.4.3")},
    ),
    Check(
        "GPU-SEC-005",
        "Secrets are being fetched",
        "external_secrets",
        "medium",
        "The stage works on with an old value, until it is revoked and serving stops.",
        Remedy("Look at the operator and at Vault; docs/secrets.md says how.", "external_secrets"),
        not_ready,
        ("ExternalSecret",),
        _EXTERNAL,
        {"aisvs": ("4.4.5",)},
    ),
    Check(
        "GPU-SEC-006",
        "Secrets are fetched again and again",
        "external_secrets",
        "medium",
        "A credential that leaked is only worthless once its rotation reaches the pods.",
        Remedy("Set refreshInterval.", "external_secrets", "gpu_cluster_stages"),
        never_refreshed,
        ("ExternalSecret",),
        _EXTERNAL,
        {"aisvs": ("4.4.5",)},
    ),
    Check(
        "GPU-SEC-007",
        "Stores serve the namespaces they are for",
        "external_secrets",
        "high",
        "Any namespace fetches the credentials of model registries through it.",
        _ROLE,
        open_store,
        ("ClusterSecretStore",),
        _CLUSTER_STORES,
    ),
    Check(
        "GPU-SEC-008",
        "Stores log in with tokens that end",
        "external_secrets",
        "medium",
        "A login in a Secret works from everywhere, and for as long as nobody thinks of it.",
        _ROLE,
        static_login,
        _KINDS,
        _STORES,
        {"aisvs": ("4.4.3",)},
    ),
    Check(
        "GPU-SEC-009",
        "Stores use TLS",
        "external_secrets",
        "high",
        "Whoever is on the network of the nodes reads the values.",
        Remedy("Use https.", "external_secrets", "external_secrets_vault_allow_http"),
        plain,
        _KINDS,
        _STORES,
    ),
)
