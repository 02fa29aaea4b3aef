# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubectl commands that do what the main job does, layer by layer."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml
from cluster import BenchCluster
from mixed_manifests import Manifest, save
from peers import GPU_NODE_SELECTOR, kubectl_apply, kubectl_marks

ORDER = (
    "pod_security",
    "rbac",
    "network_policies",
    "admission_policies",
    "vault",
    "gpu_nodes",
    "external_secrets",
    "device_plugin",
    "dcgm_exporter",
    "falco",
    "gpu_alerts",
    "workloads",
)
"""The layers as the main job has them. With the defaults, three have no object and one has only marks on nodes."""
BOOKKEEPING = ("000-layers-namespace.yaml", "000-layer.yaml", "kustomization.yaml")
"""What is rendered beside the objects of a layer."""
MANAGER = "gpu_cluster.hardening"
"""Ours: under another name, a field that the server fills in (in a fieldRef) would be a conflict between the two."""
ROLLED_OUT = ("DaemonSet", "Deployment")
ROLLOUT_SECONDS = 3600


@dataclass(frozen=True)
class Script:
    """Is the cluster there, what is there already, apply each layer, wait for its pods, mark the nodes.

    Attributes:
        layers: the objects of each layer, in order; none for a layer that has none.
    """

    cluster: BenchCluster
    layers: dict[str, tuple[Manifest, ...]]

    @classmethod
    def rendered(cls, cluster: BenchCluster) -> Script:
        """A script of what the main job would send to this cluster with its defaults, which is to be bare."""
        folder = cluster.home / "rendered"
        shutil.rmtree(folder, ignore_errors=True)
        cluster.playbook(*(layer for layer in ORDER if layer != "gpu_nodes"), gpu_cluster_render_to=str(folder))
        unknown = {path.name for path in folder.iterdir()} - set(ORDER)
        if unknown:
            raise ValueError(f"The script does not know when to apply {', '.join(sorted(unknown))}.")
        script = cls(cluster, {layer: _objects(folder / layer) for layer in ORDER})
        for layer, objects in script.layers.items():
            save(list(objects), script._file(layer))
        return script

    def __call__(self) -> None:
        """Run it."""
        self.cluster.kubectl("version")
        self.cluster.kubectl("get", "nodes", "-l", GPU_NODE_SELECTOR)
        self.cluster.kubectl("get", "daemonsets", "-A")
        for layer, objects in self.layers.items():
            if layer == "gpu_nodes":
                kubectl_marks(self.cluster)
            if objects:
                kubectl_apply(self.cluster, self._file(layer), MANAGER)
            if layer == "admission_policies":
                self.cluster.kubectl("get", "validatingadmissionpolicies")
            for item in objects:
                if item["kind"] in ROLLED_OUT:
                    self._await_rollout(item)

    def _file(self, layer: str) -> Path:
        return self.cluster.home / f"script-{layer}.json"

    def _await_rollout(self, item: Manifest) -> None:
        target = ("-n", item["metadata"]["namespace"], f"{item['kind'].lower()}/{item['metadata']['name']}")
        self.cluster.kubectl("rollout", "status", *target, f"--timeout={ROLLOUT_SECONDS}s")


def _objects(folder: Path) -> tuple[Manifest, ...]:
    """The objects of a rendered layer."""
    files = sorted(path for path in folder.glob("*.yaml") if path.name not in BOOKKEEPING)
    return tuple(yaml.safe_load(path.read_text(encoding="utf-8")) for path in files)
