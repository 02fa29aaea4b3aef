# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network policies of stages and of what watches GPUs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import (
    STAGE_PODS,
    STAGES,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import WORKLOADS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy, place_of

Json = Mapping[str, Any]
METADATA_SERVICE = ipaddress.ip_address("169.254.169.254")
HOST_ENGINE = 5555
"""Port of DCGM's nv-hostengine, which knows no login."""
_ROLE = Remedy("Run the role network_policies.", "network_policies", "network_policies_stages")
_RULES = Remedy(
    "Name what the stage needs in its ingress and egress, and delete the other policy.",
    "network_policies",
    "gpu_cluster_stages",
)


def policy_types(policy: Json) -> set[str]:
    """Directions that a policy isolates."""
    spec = policy["spec"]
    return set(spec.get("policyTypes") or (["Ingress", "Egress"] if "egress" in spec else ["Ingress"]))


def denies_all(policies: Sequence[Json], direction: str) -> bool:
    """Whether some policy isolates every pod of the namespace in a direction."""
    return any(
        direction in policy_types(policy) and not any((policy["spec"].get("podSelector") or {}).values())
        for policy in policies
    )


def _undenied(direction: str) -> Any:
    def find(cluster: Cluster) -> Iterator[Finding]:
        for namespace, stage in cluster.stages.items():
            if not denies_all(cluster.policies.get(namespace, ()), direction):
                text = (
                    f"Stage {stage['name']}: no policy of namespace {namespace} denies {direction.lower()} by default."
                )
                yield Finding(text, place_of(cluster.namespaces[namespace]), f"default deny of {direction.lower()}")

    return find


def _rules(cluster: Cluster, direction: str) -> Iterator[tuple[Json, str, Sequence[Json]]]:
    """Rules of policies of stages: the policy, the field and the peers; none stands for everybody."""
    key, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    for namespace in cluster.stages:
        for policy in cluster.policies.get(namespace, ()):
            if direction in policy_types(policy):
                for index, rule in enumerate(policy["spec"].get(key) or ()):
                    yield policy, f"spec.{key}[{index}]", rule.get(peers) or ()


def _blocks(peers: Sequence[Json]) -> Iterator[tuple[Any, list[Any]]]:
    for peer in peers:
        block = peer.get("ipBlock")
        if block:
            yield (
                ipaddress.ip_network(block["cidr"], strict=False),
                [ipaddress.ip_network(item, strict=False) for item in block.get("except") or ()],
            )


def _open(direction: str) -> Any:
    def find(cluster: Cluster) -> Iterator[Finding]:
        for policy, field, peers in _rules(cluster, direction):
            wide = [str(network) for network, _without in _blocks(peers) if network.prefixlen == 0]
            if not peers or wide:
                what = ", ".join(wide) or "everybody"
                verb = "reach" if direction == "Egress" else "be reached by"
                text = f"{place_of(policy)} lets pods {verb} {what}."
                yield Finding(text, place_of(policy), field, what)

    return find


def all_namespaces(cluster: Cluster) -> Iterator[Finding]:
    """Rules that name every namespace, for pods of any kind."""
    for policy, field, peers in _rules(cluster, "Ingress"):
        for peer in peers:
            every = "namespaceSelector" in peer and not any((peer["namespaceSelector"] or {}).values())
            if every and not any((peer.get("podSelector") or {}).values()):
                text = f"{place_of(policy)} lets in every pod of every namespace."
                yield Finding(text, place_of(policy), field, "namespaceSelector: {}")


def metadata_service(cluster: Cluster) -> Iterator[Finding]:
    """Rules through which the metadata service of a cloud is reached."""
    for policy, field, peers in _rules(cluster, "Egress"):
        for network, without in _blocks(peers):
            if network.prefixlen == 0 or network.version != 4:
                continue  # told by the rule for everybody
            if METADATA_SERVICE in network and not any(METADATA_SERVICE in one for one in without):
                text = f"{place_of(policy)} lets pods reach the metadata service {METADATA_SERVICE}, by {network}."
                yield Finding(text, place_of(policy), field, str(network))


def without_dns(cluster: Cluster) -> Iterator[Finding]:
    """Stages whose pods resolve no name."""
    for namespace, stage in cluster.stages.items():
        policies = cluster.policies.get(namespace, ())
        if not denies_all(policies, "Egress"):
            continue
        ports = [
            str(port.get("port"))
            for policy in policies
            for rule in policy["spec"].get("egress") or ()
            for port in rule.get("ports") or ({"port": "53"},)
        ]
        if not {"53", "dns", "domain", "dns-tcp", "5353"} & set(ports) and not stage.get("without_dns"):
            text = f"Stage {stage['name']}: no policy of namespace {namespace} lets its pods reach DNS."
            yield Finding(text, place_of(cluster.namespaces[namespace]), "egress to DNS")


def unselected(cluster: Cluster) -> Iterator[Finding]:
    """Pods of a stage without the label that its policies select."""
    for workload in cluster.stage_workloads:
        wanted = cluster.stages[workload.namespace]["pods"]
        if not wanted.items() <= workload.labels.items():
            labels = ",".join(f"{key}={text}" for key, text in sorted(wanted.items()))
            yield workload.finding(
                f"lacks the label {labels} of its stage, so it reaches nothing and nobody reaches it", "labels"
            )


_NEEDS = ("Namespace", "NetworkPolicy")
_SEGMENT = {"cis": ("5.3.2",), "aisvs": ("4.3.1", "4.3.2")}
CHECKS = (
    Check(
        "GPU-NET-001",
        "Stages deny ingress by default",
        "network_policies",
        "high",
        "Any pod of the cluster reaches model servers, notebooks and NCCL ports otherwise.",
        _ROLE,
        _undenied("Ingress"),
        _NEEDS,
        STAGES,
        _SEGMENT,
    ),
    Check(
        "GPU-NET-002",
        "Stages deny egress by default",
        "network_policies",
        "high",
        "Training data and weights leave by the first connection that a poisoned model opens.",
        _ROLE,
        _undenied("Egress"),
        _NEEDS,
        STAGES,
        _SEGMENT,
    ),
    Check(
        "GPU-NET-003",
        "Stages do not reach the internet",
        "network_policies",
        "high",
        "Training takes its data from inside; what reaches the internet also sends data, and gets its miner there.",
        _RULES,
        _open("Egress"),
        _NEEDS,
        STAGES,
        {"aisvs": ("4.3.1", "4.3.2")},
    ),
    Check(
        "GPU-NET-004",
        "Stages are not reached by everybody",
        "network_policies",
        "high",
        "Model servers have no login of their own: the gateway before them has.",
        _RULES,
        _open("Ingress"),
        _NEEDS,
        STAGES,
        {"aisvs": ("4.3.1", "4.3.2")},
    ),
    Check(
        "GPU-NET-005",
        "Stages are not reached by every namespace",
        "network_policies",
        "medium",
        "A namespace that anybody makes is then enough to reach the models.",
        _RULES,
        all_namespaces,
        _NEEDS,
        STAGES,
    ),
    Check(
        "GPU-NET-006",
        "Stages do not reach the metadata service",
        "network_policies",
        "high",
        "It gives the credentials of the node, and with them the buckets of models and data.",
        _RULES,
        metadata_service,
        _NEEDS,
        STAGES,
    ),
    Check(
        "GPU-NET-007",
        "Stages reach DNS",
        "network_policies",
        "medium",
        "Without it jobs fail in ways that make people delete the default deny.",
        Remedy("Add dns to the egress of the stage.", "network_policies", "gpu_cluster_dns"),
        without_dns,
        _NEEDS,
        STAGES,
    ),
    Check(
        "GPU-NET-008",
        "Pods of stages have the label of their stage",
        "network_policies",
        "medium",
        "The policies select pods by it. Without it a pod reaches nothing, and people open the network for all.",
        Remedy("Give the pods the label.", "network_policies", "gpu_cluster_stages"),
        unselected,
        ("Namespace", *WORKLOADS),
        STAGE_PODS,
    ),
)
