# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds who provides the device plugin, the GPU exporter and Falco, whatever installed them. Pure.

Signatures are those of the manifests and charts of NVIDIA/k8s-device-plugin, NVIDIA/gpu-operator,
NVIDIA/dcgm-exporter, falcosecurity/charts, Project-HAMi/HAMi and Project-HAMi/volcano-vgpu-device-plugin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import split_reference
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.tolerations import (
    Taint,
    describe_taint,
    untolerated,
)

OWN_LABEL = ("app.kubernetes.io/part-of", "gpu-cluster-hardening")
NAME = "app.kubernetes.io/name"
OTHER_TOOLS = frozenset({"gpu-feature-discovery", "mps-control-daemon", "config-manager"})
"""Commands in the image of the device plugin that are not the device plugin; their DaemonSets share its labels."""
OTHER_VENDORS = frozenset({"rocm"})
"""Organisations whose images have the same names."""
PROVIDERS = {"gpu-operator": "the GPU Operator", "helm": "a Helm chart", "other": "another installation"}


@dataclass(frozen=True)
class Signature:
    """What a component is recognised by; any of its labels, images or commands will do."""

    title: str
    images: frozenset[str]
    labels: frozenset[tuple[str, str]]
    commands: frozenset[str] = frozenset()


SIGNATURES: Mapping[str, Signature] = {
    "device_plugin": Signature(
        "the NVIDIA device plugin",
        # Those of HAMi and Volcano hand out shares of GPUs under the same name.
        frozenset(
            {"k8s-device-plugin", "nvidia-device-plugin", "nvidia-gpu-device-plugin", "volcano-vgpu-device-plugin"}
        ),
        frozenset(
            {
                ("app", "nvidia-device-plugin-daemonset"),
                ("name", "nvidia-device-plugin-ds"),
                ("k8s-app", "nvidia-gpu-device-plugin"),
                (NAME, "nvidia-device-plugin"),
                ("app.kubernetes.io/component", "hami-device-plugin"),
                ("name", "volcano-device-plugin"),
            }
        ),
        frozenset({"nvidia-device-plugin", "nvidia-gpu-device-plugin", "volcano-vgpu-device-plugin"}),
    ),
    "dcgm_exporter": Signature(
        "dcgm-exporter",
        frozenset({"dcgm-exporter"}),
        frozenset({("app", "nvidia-dcgm-exporter"), (NAME, "dcgm-exporter")}),
    ),
    "falco": Signature(
        "Falco",
        frozenset({"falco", "falco-no-driver", "falco-driverless"}),
        frozenset({("app", "falco"), (NAME, "falco")}),
    ),
}


@dataclass(frozen=True)
class Found:
    """A DaemonSet that provides a component.

    Attributes:
        image: of the container that does it.
        version: tag of the image, empty where it has none.
        provider: ``gpu-operator``, ``helm`` or ``other``.
        intolerable_taints: of the given taints, those that keep its pods away.
        own: whether this collection applied it.
        pod_spec: of its pods.
    """

    component: str
    namespace: str
    name: str
    image: str
    version: str
    provider: str
    intolerable_taints: tuple[Taint, ...]
    own: bool
    pod_spec: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def facts(self) -> dict[str, Any]:
        """As the module returns it."""
        return {
            "component": self.component,
            "namespace": self.namespace,
            "name": self.name,
            "image": self.image,
            "version": self.version,
            "provider": self.provider,
            "tolerates": not self.intolerable_taints,
            "intolerable_taints": [dict(taint) for taint in self.intolerable_taints],
        }


def find_components(
    daemon_sets: Sequence[Mapping[str, Any]], components: Sequence[str], taints: Sequence[Taint]
) -> list[Found]:
    """Which of these DaemonSets provide one of the components; one that is being deleted no longer does."""
    return [
        Found(
            component,
            daemon_set["metadata"]["namespace"],
            daemon_set["metadata"]["name"],
            image,
            split_reference(image)[1],
            provider(daemon_set),
            tuple(untolerated(_pod_spec(daemon_set), taints)),
            OWN_LABEL in _labels(daemon_set),
            _pod_spec(daemon_set),
        )
        for daemon_set in daemon_sets
        if not daemon_set["metadata"].get("deletionTimestamp")
        for component in components
        if (image := _providing_image(daemon_set, SIGNATURES[component])) is not None
    ]


def provider(daemon_set: Mapping[str, Any]) -> str:
    """What installed a DaemonSet: its owner says it, or the labels that the GPU Operator and Helm leave."""
    metadata = daemon_set["metadata"]
    labels = metadata.get("labels") or {}
    owners = {owner.get("kind") for owner in metadata.get("ownerReferences") or ()}
    operated = {"nvidia-device-plugin-daemonset", "nvidia-dcgm-exporter"}
    managed_by = labels.get("app.kubernetes.io/managed-by", "")
    if "ClusterPolicy" in owners or managed_by == "gpu-operator" or labels.get("app") in operated:
        return "gpu-operator"
    if managed_by == "Helm" or "helm.sh/chart" in labels or "chart" in labels:
        return "helm"
    return "helm" if "meta.helm.sh/release-name" in (metadata.get("annotations") or {}) else "other"


def describe(found: Sequence[Found]) -> list[str]:
    """Warnings: who provides what already, and whether it reaches the tainted nodes."""
    own = {entry.component for entry in found if entry.own}
    return [_describe(entry, entry.component in own) for entry in found if not entry.own]


def _describe(found: Found, twice: bool) -> str:
    what = SIGNATURES[found.component].title
    who = PROVIDERS[found.provider] + (f", {found.version}" if found.version else "")
    text = f"DaemonSet {found.namespace}/{found.name} ({who}) provides {what} already; no second one is needed."
    if found.intolerable_taints:
        taints = ", ".join(describe_taint(taint) for taint in found.intolerable_taints)
        text += f" It does not tolerate {taints}: nodes with that taint get no new pod of it. Give it the toleration."
    if twice:
        text += " This collection has applied one, too: remove one of them."
    return text


def _providing_image(daemon_set: Mapping[str, Any], signature: Signature) -> str | None:
    """Image of the container that does what the signature stands for; None if there is none."""
    candidates = list(_candidates(daemon_set))
    for image, command in candidates:
        if _matches(image, signature) or (command in signature.commands and not _is_other_vendors(image)):
            return image
    return candidates[0][0] if candidates and signature.labels & _labels(daemon_set) else None


def _candidates(daemon_set: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Images of containers and what they run, without those that run another tool of the image."""
    for container in _pod_spec(daemon_set).get("containers") or ():
        words = [*(container.get("command") or ()), *(container.get("args") or ())]
        command = str(words[0]).rpartition("/")[2] if words else ""
        if command not in OTHER_TOOLS:
            yield str(container.get("image", "")), command


def _matches(image: str, signature: Signature) -> bool:
    return split_reference(image)[0].rpartition("/")[2] in signature.images and not _is_other_vendors(image)


def _is_other_vendors(image: str) -> bool:
    return bool(OTHER_VENDORS & set(split_reference(image)[0].split("/")))


def _labels(daemon_set: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Labels of the DaemonSet and of its pods."""
    template = daemon_set["spec"]["template"].get("metadata") or {}
    return {*(daemon_set["metadata"].get("labels") or {}).items(), *(template.get("labels") or {}).items()}


def _pod_spec(daemon_set: Mapping[str, Any]) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = daemon_set["spec"]["template"]["spec"]
    return spec
