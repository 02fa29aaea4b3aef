# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot as checks look at it: what belongs together is found once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.pod_phases import has_finished
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks import rights
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.drift import LayerState, layer_states
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Place, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.pods import Workload
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import Snapshot
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.waivers import Waiver
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.providers import (
    SIGNATURES,
    Found,
    find_components,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import PARENT_NAMESPACE
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GpuNode, gpu_node
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import Taint

Json = Mapping[str, Any]
_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "DaemonSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


@dataclass(frozen=True)
class Settings:
    """What the inventory says.

    Attributes:
        stages: as ``stages/model.py`` returns them.
        taints: of GPU nodes.
        node_labels: of GPU nodes.
        confirmed_labels: of GPU nodes that somebody else than the node confirms.
        registries: that images of stages come from; empty for any.
        parent_namespace: where the layers keep what they know.
        expected_layers: layers that there should be.
    """

    stages: Sequence[Json] = ()
    taints: tuple[Taint, ...] = ()
    node_labels: Mapping[str, str] = field(default_factory=dict)
    confirmed_labels: Mapping[str, str] = field(default_factory=dict)
    registries: tuple[str, ...] = ()
    parent_namespace: str = PARENT_NAMESPACE
    expected_layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cluster:
    """What checks get.

    Attributes:
        floors: of programs, as ``floors`` judges them; None where it was not asked.
        probes: what was tried, as the report has it; None where nothing was.
        unproven: by sort of probe, why nothing could be tried.
        waivers: what is accepted.
        today: as ISO 8601, by which waivers end.
    """

    snapshot: Snapshot
    settings: Settings
    floors: Sequence[Json] | None = None
    probes: Sequence[Json] | None = None
    unproven: Mapping[str, str] = field(default_factory=dict)
    waivers: Sequence[Waiver] = ()
    today: str = ""

    def unknown(self, needs: Sequence[str]) -> str:
        """Why what needs these kinds cannot say anything; empty if it can."""
        reasons = {**self.snapshot.unread, **self.unproven}
        return "; ".join(dict.fromkeys(reasons[name] for name in needs if name in reasons))

    def of(self, kind: str) -> Sequence[Json]:
        """All objects of a kind."""
        return self.snapshot.objects.get(kind, ())

    @cached_property
    def namespaces(self) -> Mapping[str, Json]:
        """Namespaces by name, without those that are going."""
        found = {str(item["metadata"]["name"]): item for item in self.of("Namespace")}
        return {name: item for name, item in found.items() if not item["metadata"].get("deletionTimestamp")}

    @cached_property
    def stages(self) -> Mapping[str, Json]:
        """Stages that there are, by namespace."""
        return {stage["namespace"]: stage for stage in self.settings.stages if stage["namespace"] in self.namespaces}

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """Templates, and pods that run; those of one owner and spec are one."""
        return (*self._templates(), *self._pods())

    @cached_property
    def stage_workloads(self) -> tuple[Workload, ...]:
        """Those in the namespaces of stages."""
        return tuple(workload for workload in self.workloads if workload.namespace in self.stages)

    @cached_property
    def grants(self) -> tuple[rights.Grant, ...]:
        """Who has which role where."""
        return tuple(rights.grants(self.snapshot.objects))

    @cached_property
    def nodes(self) -> tuple[GpuNode, ...]:
        """All nodes, and what of them matters."""
        return tuple(
            gpu_node({**item, "metadata": {"resourceVersion": "", **item["metadata"]}}, "") for item in self.of("Node")
        )

    @cached_property
    def gpu_nodes(self) -> tuple[GpuNode, ...]:
        """Nodes that show GPUs, or that somebody labelled as GPU nodes."""
        wanted = self.settings.node_labels.items()
        return tuple(node for node in self.nodes if node.found_by or (wanted and wanted <= node.labels.items()))

    @cached_property
    def components(self) -> tuple[Found, ...]:
        """Who provides the device plugin, the exporter and Falco."""
        sets = self.of("DaemonSet")
        return tuple(find_components(sets, tuple(SIGNATURES), self.settings.taints))

    def component(self, name: str) -> list[Found]:
        """Who provides one of them."""
        return [found for found in self.components if found.component == name]

    @cached_property
    def component_namespaces(self) -> frozenset[str]:
        """Where they are."""
        return frozenset(found.namespace for found in self.components)

    @cached_property
    def policies(self) -> Mapping[str, Sequence[Json]]:
        """NetworkPolicies by namespace."""
        found: dict[str, list[Json]] = {}
        for item in self.of("NetworkPolicy"):
            found.setdefault(item["metadata"]["namespace"], []).append(item)
        return found

    @cached_property
    def accounts(self) -> Mapping[tuple[str, str], Json]:
        """Service accounts by namespace and name."""
        return {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in self.of("ServiceAccount")}

    @cached_property
    def layers(self) -> tuple[LayerState, ...]:
        """What the layers recorded, and whether the cluster still is so."""
        return layer_states(self.snapshot, self.settings.parent_namespace)

    def _templates(self) -> Iterator[Workload]:
        for kind, path in _TEMPLATES.items():
            for item in self.of(kind):
                metadata = item["metadata"]
                of_cron_job = kind == "Job" and metadata.get("ownerReferences")
                if metadata.get("deletionTimestamp") or of_cron_job or (item.get("status") or {}).get("completionTime"):
                    continue
                template: Any = item
                for key in path:
                    template = template.get(key) or {}
                inner = template.get("metadata") or {}
                labels, notes = inner.get("labels") or {}, inner.get("annotations") or {}
                yield Workload(place_of(item), labels, notes, template.get("spec") or {}, True)

    def _pods(self) -> Iterator[Workload]:
        seen: set[tuple[Place, int]] = set()
        for item in self.of("Pod"):
            if has_finished(item):
                continue
            place = self.owner(item)
            key = (place, id(item["spec"]))
            if key not in seen:
                seen.add(key)
                metadata = item["metadata"]
                labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
                yield Workload(place, labels, notes, item["spec"], False)

    def owner(self, pod: Json) -> Place:
        """The outermost object that makes a pod: names of pods change, and it stays."""
        owners = pod["metadata"].get("ownerReferences") or ()
        namespace = pod["metadata"].get("namespace")
        if not owners or owners[0]["kind"] == "Node":
            return place_of(pod)
        owner = Place(owners[0]["apiVersion"], owners[0]["kind"], namespace, owners[0]["name"])
        return self._outer.get((owner.kind, namespace, owner.name)) or self._deployment(owner) or owner

    @cached_property
    def _outer(self) -> Mapping[tuple[str, str | None, str], Place]:
        """CronJobs of Jobs."""
        found = {}
        for item in self.of("Job"):
            for owner in item["metadata"].get("ownerReferences") or ():
                namespace = item["metadata"]["namespace"]
                place = Place(owner["apiVersion"], owner["kind"], namespace, owner["name"])
                found["Job", namespace, item["metadata"]["name"]] = place
        return found

    @cached_property
    def _deployments(self) -> frozenset[tuple[str, str]]:
        return frozenset((item["metadata"]["namespace"], item["metadata"]["name"]) for item in self.of("Deployment"))

    def _deployment(self, owner: Place) -> Place | None:
        """The Deployment of a ReplicaSet, whose name is its own and a hash."""
        name = owner.name.rpartition("-")[0]
        if owner.kind != "ReplicaSet" or (owner.namespace or "", name) not in self._deployments:
            return None
        return Place("apps/v1", "Deployment", owner.namespace, name)
