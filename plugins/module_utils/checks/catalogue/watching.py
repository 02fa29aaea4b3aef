# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Falco, the GPU exporter and the alerts: whether somebody looks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import GPU_NODES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place, Remedy, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import is_privileged
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import SIGNATURES, Found
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.reach import unreached

Json = Mapping[str, Any]
OTHER_WATCHERS = ("tetragon", "kubearmor", "tracee")
GPU_METRIC = re.compile(r"\bDCGM_FI_|gpu", re.IGNORECASE)
_FALCO = Remedy("Run the role falco.", "falco", "falco_existing")
_EXPORTER = Remedy("Run the role dcgm_exporter.", "dcgm_exporter", "dcgm_exporter_existing")
_ALERTS = Remedy("Run the role gpu_alerts.", "gpu_alerts", "gpu_alerts_format")


def daemon_set(cluster: Cluster, found: Found) -> Json:
    """The object of a component."""
    return next(
        item
        for item in cluster.of("DaemonSet")
        if (item["metadata"]["namespace"], item["metadata"]["name"]) == (found.namespace, found.name)
    )


def unwatched(cluster: Cluster) -> Iterator[Finding]:
    """Whether nothing watches what runs on GPU nodes."""
    names = (str(item["metadata"]["name"]) for item in cluster.of("DaemonSet"))
    if not cluster.component("falco") and not any(name.startswith(OTHER_WATCHERS) for name in names):
        yield Finding("Nothing watches what programs do on GPU nodes: neither Falco nor another tool is here.")


def _away(component: str) -> Any:
    def find(cluster: Cluster) -> Iterator[Finding]:
        found = cluster.component(component)
        if found:
            for entry in unreached(cluster.gpu_nodes, found, [component], {}, cluster.settings.taints):
                keys = ", ".join(taint["key"] for taint in entry.taints)
                title = SIGNATURES[component].title
                text = f"GPU node {entry.node} has no {title.removeprefix('the ')}: it does not tolerate {keys}."
                yield Finding(text, Place("v1", "Node", None, entry.node), f"{component}: {keys}")

    return find


def _not_ready(component: str) -> Any:
    def find(cluster: Cluster) -> Iterator[Finding]:
        for found in cluster.component(component):
            item = daemon_set(cluster, found)
            status = item.get("status") or {}
            wanted, ready = status.get("desiredNumberScheduled"), status.get("numberReady", 0)
            if wanted is not None and ready < wanted:
                text = f"{place_of(item)}: {wanted - ready} of {wanted} pods are not ready."
                yield Finding(text, place_of(item), "status.numberReady", str(ready))

    return find


def _privileged(component: str) -> Any:
    def find(cluster: Cluster) -> Iterator[Finding]:
        for found in cluster.component(component):
            if is_privileged(found.pod_spec):
                place = place_of(daemon_set(cluster, found))
                yield Finding(f"{place} is privileged; that of this collection is not.", place, "privileged", "true")

    return find


def without_rules(cluster: Cluster) -> Iterator[Finding]:
    """Falco without rules of anybody's own."""
    for found in cluster.component("falco"):
        volumes = found.pod_spec.get("volumes") or ()
        maps = {str((volume.get("configMap") or {}).get("name")) for volume in volumes}
        mounted = any(name.endswith("rules") for name in maps)
        if not mounted:
            place = place_of(daemon_set(cluster, found))
            yield Finding(
                f"{place} has no rules but its stock ones, which know nothing of models and GPUs.", place, "volumes"
            )


def without_exporter(cluster: Cluster) -> Iterator[Finding]:
    """Whether nobody measures GPUs."""
    if not cluster.component("dcgm_exporter"):
        yield Finding("Nobody measures the GPUs: there is no dcgm-exporter.")


def without_alerts(cluster: Cluster) -> Iterator[Finding]:
    """Whether nobody is told of a GPU that the wrong pod uses."""
    rules = [
        str(rule.get("expr", ""))
        for item in cluster.of("PrometheusRule")
        for group in (item.get("spec") or {}).get("groups") or ()
        for rule in group.get("rules") or ()
        if rule.get("alert")
    ]
    # Of other people's ConfigMaps nothing is read.
    files = [
        str(text)
        for item in cluster.of("ConfigMap")
        for text in (item.get("data") or {}).values()
        if "alert:" in str(text)
    ]
    if not any(GPU_METRIC.search(text) for text in (*rules, *files)):
        yield Finding("No alert looks at GPUs; rules that are files of other people's Prometheus are not seen here.")


def trusted_labels(cluster: Cluster) -> Iterator[Finding]:
    """Scrapes that let pods say who they are."""
    for item in cluster.of("ServiceMonitor"):
        spec = item.get("spec") or {}
        about = {**(item["metadata"].get("labels") or {}), **((spec.get("selector") or {}).get("matchLabels") or {})}
        if any("dcgm" in str(text) for text in (item["metadata"]["name"], *about.values())):
            for index, endpoint in enumerate(spec.get("endpoints") or ()):
                if endpoint.get("honorLabels"):
                    text = f"{place_of(item)} believes the labels that what it scrapes gives itself."
                    yield Finding(text, place_of(item), f"spec.endpoints[{index}].honorLabels", "true")


def _has(component: str) -> Condition:
    title = SIGNATURES[component].title.removeprefix("the ")
    return Condition(lambda cluster: bool(cluster.component(component)), f"There is no {title} here.")


_NEEDS = ("DaemonSet",)
_BOTH = ("DaemonSet", "Node")
_SEEN = ("PrometheusRule", "ConfigMap")
_BY = {"aisvs": ("4.7.8",)}
CHECKS = (
    Check(
        "GPU-RUN-001",
        "Somebody watches what runs on GPU nodes",
        "falco",
        "high",
        "A model that runs code when it is loaded is seen by nothing else: its pod is what it should be.",
        _FALCO,
        unwatched,
        _NEEDS,
        GPU_NODES,
        {"aisvs": ("4.1.4",), "attack": ("T1496",)},
    ),
    Check(
        "GPU-RUN-002",
        "Falco runs on every GPU node",
        "falco",
        "high",
        "Its chart tolerates control planes only, so the nodes with GPUs are the ones that nobody watches.",
        Remedy("Give Falco the toleration.", "falco", "falco_taints"),
        _away("falco"),
        _BOTH,
        _has("falco"),
        {"aisvs": ("4.1.4",)},
    ),
    Check(
        "GPU-RUN-003",
        "Falco's pods are ready",
        "falco",
        "high",
        "A pod that restarts all the time sees nothing, and nothing says so.",
        _FALCO,
        _not_ready("falco"),
        _NEEDS,
        _has("falco"),
        {"aisvs": ("4.1.4",)},
    ),
    Check(
        "GPU-RUN-004",
        "Falco is not privileged",
        "falco",
        "medium",
        "Its eBPF driver needs a few capabilities; with all of them, a hole in its parsers is every GPU node.",
        _FALCO,
        _privileged("falco"),
        _NEEDS,
        _has("falco"),
        {"cis": ("5.2.2",)},
    ),
    Check(
        "GPU-RUN-005",
        "Falco has rules for ML",
        "falco",
        "medium",
        "Stock rules see shells; they see neither miners on GPUs, nor models from elsewhere, nor pickles.",
        _FALCO,
        without_rules,
        _NEEDS,
        _has("falco"),
        {"aisvs": ("4.1.4",)},
    ),
    Check(
        "GPU-OBS-001",
        "Somebody measures GPUs",
        "dcgm_exporter",
        "medium",
        "Mining is a busy GPU that nobody ordered; without figures nobody sees it.",
        _EXPORTER,
        without_exporter,
        _NEEDS,
        GPU_NODES,
        {**_BY, "attack": ("T1496",)},
    ),
    Check(
        "GPU-OBS-002",
        "Every GPU node is measured",
        "dcgm_exporter",
        "medium",
        "The exporter's chart does not tolerate the taint of GPU nodes.",
        Remedy("Give the exporter the toleration.", "dcgm_exporter", "dcgm_exporter_taints"),
        _away("dcgm_exporter"),
        _BOTH,
        _has("dcgm_exporter"),
        _BY,
    ),
    Check(
        "GPU-OBS-003",
        "The exporter's pods are ready",
        "dcgm_exporter",
        "medium",
        "Alerts on GPUs of that node never fire.",
        _EXPORTER,
        _not_ready("dcgm_exporter"),
        _NEEDS,
        _has("dcgm_exporter"),
        _BY,
    ),
    Check(
        "GPU-OBS-004",
        "The exporter is not privileged",
        "dcgm_exporter",
        "medium",
        "It answers to the network without a login; that of the GPU Operator is privileged, too.",
        _EXPORTER,
        _privileged("dcgm_exporter"),
        _NEEDS,
        _has("dcgm_exporter"),
        {"cis": ("5.2.2",)},
    ),
    Check(
        "GPU-OBS-005",
        "Alerts look at GPUs",
        "gpu_alerts",
        "medium",
        "Figures that nobody looks at tell nobody of a miner.",
        _ALERTS,
        without_alerts,
        _SEEN,
        GPU_NODES,
        {**_BY, "attack": ("T1496",)},
    ),
    Check(
        "GPU-OBS-006",
        "Metrics of GPUs say truly whose they are",
        "gpu_alerts",
        "low",
        "With honorLabels, who serves metrics on that port says which pod uses which GPU.",
        Remedy("Take honorLabels away.", "dcgm_exporter", "dcgm_exporter_service_monitor"),
        trusted_labels,
        ("ServiceMonitor",),
        None,
        _BY,
    ),
)
