# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which DaemonSets are network plugins, and which of these enforce NetworkPolicies. Pure.

Images and labels are those of the manifests and charts that each project publishes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import split_reference


@dataclass(frozen=True)
class NetworkPlugin:
    """A plugin, by any of its images (the ends of their repositories) or labels (of the DaemonSet or its pods).

    Attributes:
        enforces: whether it enforces NetworkPolicies.
        argument: what one of its containers must be started with to do so; empty for nothing.
    """

    title: str
    enforces: bool
    images: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    argument: str = ""

    def does_enforce(self, daemon_set: Mapping[str, Any]) -> bool:
        """Whether it does as this DaemonSet runs it."""
        return self.enforces and (not self.argument or self.argument in set(_arguments(daemon_set)))


_APP, _NAME = "k8s-app", "app.kubernetes.io/name"
# Those that enforce come first: Canal is Calico and Flannel in one pod.
PLUGINS = (
    NetworkPlugin("Calico", True, ("calico/node", "mirrored-calico-node", "hardened-calico"), ((_APP, "calico-node"),)),
    NetworkPlugin("Canal", True, (), ((_APP, "canal"),)),
    NetworkPlugin("Cilium", True, ("cilium/cilium", "mirrored-cilium-cilium"), ((_APP, "cilium"),)),
    NetworkPlugin("kube-router", True, ("kube-router",), ((_APP, "kube-router"),)),
    NetworkPlugin("Antrea", True, ("antrea-agent-ubuntu", "antrea-ubuntu"), (("component", "antrea-agent"),)),
    NetworkPlugin("Weave Net", True, ("weave-kube",), (("name", "weave-net"),)),
    NetworkPlugin("OVN-Kubernetes", True, ("ovn-kube-ubuntu", "ovn-kube-fedora"), (("app", "ovnkube-node"),)),
    NetworkPlugin("Kube-OVN", True, ("kube-ovn",), (("app", "kube-ovn-cni"),)),
    NetworkPlugin("kindnet", True, ("kindnetd",), (("app", "kindnet"), (_APP, "kindnet"))),
    NetworkPlugin("kube-network-policies", True, ("kube-network-policies",), (("app", "kube-network-policies"),)),
    NetworkPlugin("Azure NPM", True, ("azure-npm",), ((_APP, "azure-npm"),)),
    NetworkPlugin(
        "the Amazon VPC CNI", True, ("amazon-k8s-cni",), ((_APP, "aws-node"),), argument="--enable-network-policy=true"
    ),
    NetworkPlugin("Flannel", False, ("flannel/flannel", "coreos/flannel"), (("app", "flannel"), (_APP, "flannel"))),
    NetworkPlugin("Multus", False, ("multus-cni",), (("app", "multus"), (_NAME, "multus"))),
)


def network_plugin(daemon_set: Mapping[str, Any]) -> NetworkPlugin | None:
    """The plugin that a DaemonSet is; None if it is none."""
    template = daemon_set["spec"]["template"]
    labels = {
        *(daemon_set["metadata"].get("labels") or {}).items(),
        *((template.get("metadata") or {}).get("labels") or {}).items(),
    }
    images = [split_reference(str(container.get("image", "")))[0] for container in _containers(daemon_set)]
    for plugin in PLUGINS:
        by_image = any(f"/{image}".endswith(f"/{end}") for image in images for end in plugin.images)
        if by_image or labels & set(plugin.labels):
            return plugin
    return None


def _containers(daemon_set: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(daemon_set["spec"]["template"]["spec"].get("containers") or ())


def _arguments(daemon_set: Mapping[str, Any]) -> Iterator[str]:
    for container in _containers(daemon_set):
        yield from map(str, [*(container.get("command") or ()), *(container.get("args") or ())])
