# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches what watches GPUs, who gets around the policies, and whether anybody enforces them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.system_namespaces import SYSTEM
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import STAGES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.network import (
    denies_all,
    policy_types,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import WORKLOADS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import asks_for_gpu, containers
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.selectors import selects
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.enforcement import enforcement

HOST_ENGINE = 5555
"""Port of DCGM's nv-hostengine, which knows no login."""


def unenforced(cluster: Cluster) -> Iterator[Finding]:
    """Whether anybody enforces policies."""
    found = enforcement(cluster.of("DaemonSet"), cluster.snapshot.version or "")
    if not found.by:
        yield Finding(
            f"Nobody is seen to enforce NetworkPolicies: there is only {', '.join(found.titles)}, which does not."
            if found.titles
            else "Nobody is seen to enforce NetworkPolicies: no network plugin is known here."
        )


def exporter_open(cluster: Cluster) -> Iterator[Finding]:
    """Exporters that every pod reaches."""
    for found in cluster.component("dcgm_exporter"):
        if not denies_all(cluster.policies.get(found.namespace, ()), "Ingress") and not _selected(cluster, found):
            text = (
                f"Every pod of the cluster reaches the exporter {found.namespace}/{found.name}: no policy selects it."
            )
            yield Finding(text, _daemon_set(cluster, found), "ingress")


def _daemon_set(cluster: Cluster, found: Any) -> Any:
    for item in cluster.of("DaemonSet"):
        if (item["metadata"]["namespace"], item["metadata"]["name"]) == (found.namespace, found.name):
            return place_of(item)
    return None


def _selected(cluster: Cluster, found: Any) -> bool:
    """Whether a policy isolates the pods of a component."""
    labels: Mapping[str, str] = {}
    for item in cluster.of("DaemonSet"):
        if (item["metadata"]["namespace"], item["metadata"]["name"]) == (found.namespace, found.name):
            labels = (item["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return any(
        "Ingress" in policy_types(policy) and selects(policy["spec"].get("podSelector"), labels)
        for policy in cluster.policies.get(found.namespace, ())
    )


def host_engine(cluster: Cluster) -> Iterator[Finding]:
    """DCGM host engines that the network reaches."""
    for item in cluster.of("Service"):
        ports = {port.get("port") for port in item["spec"].get("ports") or ()}
        namespace = item["metadata"]["namespace"]
        if HOST_ENGINE in ports and not denies_all(cluster.policies.get(namespace, ()), "Ingress"):
            text = (
                f"{place_of(item)} offers DCGM's host engine, which knows no login, and no policy keeps anybody away."
            )
            yield Finding(text, place_of(item), "spec.ports", str(HOST_ENGINE))


def exposed(cluster: Cluster) -> Iterator[Finding]:
    """Services of stages and of GPU components that are reached from outside."""
    inside = {*cluster.stages, *cluster.component_namespaces} - set(SYSTEM)
    for item in cluster.of("Service"):
        spec = item["spec"]
        outside = spec.get("type") in ("NodePort", "LoadBalancer") or spec.get("externalIPs")
        if item["metadata"]["namespace"] in inside and outside:
            how = "externalIPs" if spec.get("externalIPs") else spec["type"]
            text = f"{place_of(item)} is reached from outside the cluster ({how}), past its gateway."
            yield Finding(text, place_of(item), "spec.type", how)


def gpu_without_policy(cluster: Cluster) -> Iterator[Finding]:
    """Namespaces of no stage with GPUs and without any policy."""
    used = {workload.namespace for workload in cluster.workloads if asks_for_gpu(workload.spec)}
    for namespace in sorted(used & cluster.namespaces.keys() - {*cluster.stages, *SYSTEM}):
        if not cluster.policies.get(namespace):
            text = f"Namespace {namespace} has pods with GPUs and no NetworkPolicy."
            yield Finding(text, place_of(cluster.namespaces[namespace]), "NetworkPolicy")


def component_without_policy(cluster: Cluster) -> Iterator[Finding]:
    """Namespaces of GPU components without any policy."""
    for namespace in sorted((cluster.component_namespaces & cluster.namespaces.keys()) - set(SYSTEM)):
        if not cluster.policies.get(namespace):
            text = f"Namespace {namespace} has privileged agents of GPU nodes and no NetworkPolicy."
            yield Finding(text, place_of(cluster.namespaces[namespace]), "NetworkPolicy")


def host_network_ports(cluster: Cluster) -> Iterator[Finding]:
    """Host engines in the network of the node."""
    for workload in cluster.workloads:
        if workload.spec.get("hostNetwork"):
            for path, container in containers(workload.spec):
                if any(port.get("containerPort") == HOST_ENGINE for port in container.get("ports") or ()):
                    yield workload.finding(
                        "offers DCGM's host engine on the node's own address", f"{path}.ports[{HOST_ENGINE}]"
                    )


_NEEDS = ("Namespace", "NetworkPolicy")
_COMPONENTS = Condition(lambda cluster: bool(cluster.components), "None of the components is here.")
_EXPORTER = Condition(lambda cluster: bool(cluster.component("dcgm_exporter")), "There is no GPU exporter.")
CHECKS = (
    Check(
        "GPU-NET-009",
        "Somebody enforces NetworkPolicies",
        "network_policies",
        "critical",
        "Otherwise every policy is a text that nobody reads, and every pod reaches every other.",
        Remedy("Install a network plugin that enforces them, such as Calico or Cilium."),
        unenforced,
        ("DaemonSet",),
        None,
        {"cis": ("5.3.1",)},
    ),
    Check(
        "GPU-NET-010",
        "Only Prometheus reaches the GPU exporter",
        "dcgm_exporter",
        "medium",
        "It has no login, and tells who computes what, on which GPU, and when.",
        Remedy("Let the role dcgm_exporter apply its policy.", "dcgm_exporter", "dcgm_exporter_prometheus"),
        exporter_open,
        ("Namespace", "NetworkPolicy", "DaemonSet"),
        _EXPORTER,
        {"aisvs": ("4.7.8",)},
    ),
    Check(
        "GPU-NET-011",
        "Nobody reaches DCGM's host engine",
        "dcgm_exporter",
        "high",
        "It listens on 5555 without a login, and whoever reaches it sets power, clocks and profiling of every GPU.",
        Remedy("Let the exporter run the engine in itself, or keep others away by a NetworkPolicy.", "dcgm_exporter"),
        host_engine,
        ("Service", "NetworkPolicy"),
    ),
    Check(
        "GPU-NET-012",
        "DCGM's host engine is not on the node's address",
        "dcgm_exporter",
        "high",
        "No NetworkPolicy holds there: the whole network of the site reaches it.",
        Remedy("Take hostNetwork away.", "dcgm_exporter"),
        host_network_ports,
        WORKLOADS,
    ),
    Check(
        "GPU-NET-013",
        "Services of stages are reached through their gateway",
        "network_policies",
        "high",
        "A NodePort or LoadBalancer passes the gateway, where callers log in and are counted.",
        Remedy("Set type ClusterIP.", "network_policies", "gpu_cluster_stages"),
        exposed,
        ("Namespace", "Service", "DaemonSet"),
        STAGES,
    ),
    Check(
        "GPU-NET-014",
        "Namespaces whose pods use GPUs have policies",
        "network_policies",
        "medium",
        "What computes outside the stages reaches and is reached by everything.",
        Remedy("Make it a stage.", "network_policies", "gpu_cluster_stages"),
        gpu_without_policy,
        ("Namespace", "NetworkPolicy", *WORKLOADS),
        None,
        {"cis": ("5.3.2",)},
    ),
    Check(
        "GPU-NET-015",
        "Namespaces of GPU components have policies",
        "network_policies",
        "medium",
        "Their pods are privileged; NVIDIA's GPU Operator ships no NetworkPolicies for its own.",
        Remedy("Let this collection apply the component, or write a default deny there."),
        component_without_policy,
        ("Namespace", "NetworkPolicy", "DaemonSet"),
        _COMPONENTS,
        {"cis": ("5.3.2",)},
    ),
)
