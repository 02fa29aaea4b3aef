# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as Prometheus sees it: the series of its exporters, scraped with honorLabels or without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Labels = Mapping[str, str]
Series = dict[str, str]
"""Values in promtool's notation, by series."""

MINUTES = 90
FORMS = ("honored", "exported", "static")
"""How the exporters are scraped: with honorLabels, without (Prometheus's default), or at a fixed address."""


def series(metric: str, labels: Labels) -> str:
    """A series as PromQL writes it."""
    inside = ", ".join(f'{name}="{value}"' for name, value in labels.items() if value)
    return f"{metric}{{{inside}}}"


def always(value: float) -> str:
    """The same value at every scrape."""
    return f"{value:g}+0x{MINUTES}"


def scraped(own: Labels, target: Labels, form: str) -> dict[str, str]:
    """The labels of a metric after a scrape: what Prometheus does where both sides have one."""
    own = {name: value for name, value in own.items() if value}
    if form == "honored":
        return {**target, **own}
    return {**{f"exported_{name}" if name in target else name: value for name, value in own.items()}, **target}


@dataclass(frozen=True)
class Cluster:
    """Writes series of a cluster."""

    form: str = "honored"

    def target(self, job: str, namespace: str, pod: str) -> dict[str, str]:
        """The labels that Prometheus gives to a target."""
        found = {"job": job, "instance": f"{pod}:80"}
        return found if self.form == "static" else {**found, "namespace": namespace, "pod": pod, "container": job}

    def kube(self, metric: str, values: str = always(1), **labels: str) -> Series:
        """A metric of kube-state-metrics."""
        target = self.target("kube-state-metrics", "monitoring", "kube-state-metrics-0")
        return {series(metric, scraped(labels, target, self.form)): values}

    def gpu(self, metric: str, values: str, node: str = "gpu-1", exporter: str = "", **labels: str) -> Series:
        """A metric of the DCGM exporter on a node, and the ``up`` of this target."""
        pod = exporter or f"dcgm-exporter-{node[-1] * 5}"
        target = self.target("dcgm-exporter", "dcgm-exporter", pod)
        own = {"gpu": "0", "UUID": f"GPU-{node}-{labels.get('gpu', '0')}", "Hostname": node, **labels}
        up = series("up", target)
        return {series(f"DCGM_FI_{metric}", scraped(own, target, self.form)): values, up: always(1)}

    def pod(self, namespace: str, name: str, account: str, node: str = "gpu-1", **info: str) -> Series:
        """A ready pod."""
        of = {"namespace": namespace, "pod": name}
        return {
            **self.kube("kube_pod_info", **of, node=node, **info),
            **self.kube("kube_pod_status_ready", **of, condition="true"),
            **self.kube("kube_pod_service_account", **of, service_account=account),
        }

    def daemon(self, namespace: str, name: str, node: str) -> Series:
        """A ready pod of a DaemonSet."""
        pod = f"{name}-{node[-1] * 5}"
        return self.pod(namespace, pod, name, node, created_by_kind="DaemonSet", created_by_name=name)

    def node(self, name: str, gpus: int = 8, taint: str = "nvidia.com/gpu") -> Series:
        """A node, by default one with GPUs."""
        return {
            **self.kube("kube_node_info", node=name),
            **self.kube("kube_node_status_condition", node=name, condition="Ready", status="true"),
            **self.kube("kube_node_status_capacity", always(gpus), node=name, resource="nvidia_com_gpu"),
            **self.kube("kube_node_status_capacity", always(64), node=name, resource="cpu"),
            **(self.kube("kube_node_spec_taint", node=name, key=taint, value="true") if taint else {}),
        }

    def healthy(self) -> Series:
        """Two GPU nodes with all that watches them, a node without GPU, and a training job that works hard."""
        gpu_nodes = {}
        for node in ("gpu-1", "gpu-2"):
            gpu_nodes |= self.node(node)
            gpu_nodes |= self.daemon("dcgm-exporter", "dcgm-exporter", node)
            gpu_nodes |= self.daemon("nvidia-device-plugin", "nvidia-device-plugin", node)
            gpu_nodes |= self.daemon("falco", "falco", node)
            gpu_nodes |= self.gpu("DEV_GPU_UTIL", always(0), node, gpu="7")
        return {
            **gpu_nodes,
            **self.node("cpu-1", gpus=0, taint=""),
            **self.pod("ml-training", "train-0", "ml-trainer"),
            **self.gpu("DEV_GPU_UTIL", always(97), namespace="ml-training", pod="train-0", container="main"),
            **self.gpu("PROF_PIPE_TENSOR_ACTIVE", always(0.4), namespace="ml-training", pod="train-0"),
            **self.gpu("DEV_FB_USED", always(60000), namespace="ml-training", pod="train-0"),
            **self.gpu("DEV_FB_FREE", always(20000), namespace="ml-training", pod="train-0"),
            **self.gpu("DEV_XID_ERRORS", always(0), namespace="ml-training", pod="train-0"),
        }


def without(found: Series, *parts: str) -> Series:
    """The series that have none of these parts in their name or labels."""
    return {name: values for name, values in found.items() if not any(part in name for part in parts)}


def renamed(found: Series, target_has_one: bool = False) -> Series:
    """The same from a dcgm-exporter after 4.8.2, which calls the node ``hostname``.

    ``target_has_one``: Prometheus gives its targets a label of that name, and so renames that of the exporter.
    """
    own = 'hostname="10.0.0.9:9400", exported_hostname=' if target_has_one else "hostname="
    return {name.replace("Hostname=", own): values for name, values in found.items()}
