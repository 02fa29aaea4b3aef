# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds a snapshot has, and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import version_path
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.membership import PART_OF
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.layers.identity import LAYER
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.label_selector import matches, parse_selector


@dataclass(frozen=True)
class Kind:
    """A kind, LISTed once.

    Attributes:
        optional: a cluster may not serve it, such as that of an operator.
        selector: of labels, what the list is narrowed down to; empty for all.
    """

    api_version: str
    kind: str
    plural: str
    optional: bool = False
    selector: str = ""

    @property
    def path(self) -> str:
        """URL path of the list of the whole cluster."""
        return f"{version_path(self.api_version)}/{self.plural}"

    @property
    def query(self) -> dict[str, str]:
        """How the API narrows the list down."""
        return {"labelSelector": self.selector} if self.selector else {}

    def has(self, item: Mapping[str, Any]) -> bool:
        """Whether an object is in the list, as the API would narrow it down."""
        return not self.selector or matches(parse_selector(self.selector), item["metadata"].get("labels") or {})

    @property
    def group(self) -> str:
        """API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]


API_SERVER = "kubernetes.io/service-name=kubernetes"
"""Selects the EndpointSlices of the API server, which are in the namespace default."""
_RBAC, _ADMISSION = "rbac.authorization.k8s.io/v1", "admissionregistration.k8s.io/v1"
KINDS = (
    Kind("v1", "Namespace", "namespaces"),
    Kind("v1", "Node", "nodes"),
    Kind("v1", "Pod", "pods"),
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("v1", "Service", "services"),
    Kind("v1", "ResourceQuota", "resourcequotas"),
    # Of people's ConfigMaps nothing is needed, and they may be large.
    Kind("v1", "ConfigMap", "configmaps", selector=PART_OF),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    # Of all others nothing is needed: policies are about pods, and not about Services.
    Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", selector=API_SERVER),
    Kind(_RBAC, "Role", "roles"),
    Kind(_RBAC, "ClusterRole", "clusterroles"),
    Kind(_RBAC, "RoleBinding", "rolebindings"),
    Kind(_RBAC, "ClusterRoleBinding", "clusterrolebindings"),
    Kind("apps/v1", "DaemonSet", "daemonsets"),
    Kind("apps/v1", "Deployment", "deployments"),
    Kind("apps/v1", "StatefulSet", "statefulsets"),
    Kind("batch/v1", "Job", "jobs"),
    Kind("batch/v1", "CronJob", "cronjobs"),
    Kind(_ADMISSION, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
    Kind(_ADMISSION, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    Kind(_ADMISSION, "ValidatingAdmissionPolicy", "validatingadmissionpolicies", optional=True),
    Kind(_ADMISSION, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", optional=True),
    Kind("node.k8s.io/v1", "RuntimeClass", "runtimeclasses"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("resource.k8s.io/v1", "DeviceClass", "deviceclasses", optional=True),
    Kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules", optional=True),
    Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", optional=True),
    Kind("external-secrets.io/v1", "ExternalSecret", "externalsecrets", optional=True),
    Kind("external-secrets.io/v1", "SecretStore", "secretstores", optional=True),
    Kind("external-secrets.io/v1", "ClusterSecretStore", "clustersecretstores", optional=True),
    Kind("nvidia.com/v1", "ClusterPolicy", "clusterpolicies", optional=True),
    Kind("nvidia.com/v1alpha1", "NVIDIADriver", "nvidiadrivers", optional=True),
    Kind("nvidia.com/v1alpha1", "GPUCluster", "gpuclusters", optional=True),
)
"""No Secrets: nothing is worth having them on another machine."""
BY_NAME = {kind.kind: kind for kind in KINDS}
LAYERS = "Layer"
"""Stands for the ConfigMaps that the layers keep of themselves, which are asked for in their namespace only."""


def layer_records(namespace: str) -> Kind:
    """What :data:`LAYERS` stands for, where the layers keep it."""
    return Kind("v1", "ConfigMap", f"namespaces/{namespace}/configmaps", selector=LAYER)


SERVER_VERSION = "version"
"""Stands for the version of the API server."""
GPU_OPERATOR = ("ClusterPolicy", "NVIDIADriver", "GPUCluster")
"""What the GPU Operator is set to."""
WORKLOADS = ("Pod", "DaemonSet", "Deployment", "StatefulSet", "Job", "CronJob")
"""All that pods can be found in."""
RIGHTS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
