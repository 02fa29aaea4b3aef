# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people use today for the same work: kubectl, a script of its commands, and kubernetes.core."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import BenchCluster, CommandError
from measure import say
from sandbox_access import CHECKOUT

GPU_NODE_SELECTOR = "nvidia.com/gpu.present=true"
LABELS = {"node-type": "gpu", "gpu-type": "a100", "node-restriction.kubernetes.io/node-type": "gpu"}
TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
MANAGERS = ("gpu_cluster.hardening", "kubectl-label", "OpenAPI-Generator")
"""Whose labels the nodes may have: ours, kubectl's, those of kubernetes.core."""
OURS = "app.kubernetes.io/part-of=gpu-cluster-hardening"


def kubectl_marks(cluster: BenchCluster) -> None:
    """Label and taint with a selector, as one would by hand."""
    nodes = ("nodes", "-l", GPU_NODE_SELECTOR, "--overwrite")
    cluster.kubectl("label", *nodes, *(f"{key}={value}" for key, value in LABELS.items()))
    cluster.kubectl("taint", *nodes, f"{TAINT['key']}={TAINT['value']}:{TAINT['effect']}")


def kubectl_apply(cluster: BenchCluster, manifests: Path) -> None:
    """Server-side apply of a file, under a name of its own."""
    cluster.kubectl("apply", "--server-side", "--field-manager=script", "-f", str(manifests))


def unmark(cluster: BenchCluster) -> None:
    """Take labels and taint off all nodes, whoever set them."""
    for manager in MANAGERS:
        cluster.module("gpu_nodes", state="absent", field_manager=manager)
    columns = "LABEL:.metadata.labels.node-type,TAINT:.spec.taints[*].key"
    nodes = cluster.kubectl("get", "nodes", "-l", GPU_NODE_SELECTOR, "--no-headers", "-o", f"custom-columns={columns}")
    if set(nodes.split()) != {"<none>"}:
        raise CommandError("The nodes are not bare, so the next run would have less to do.")
    cluster.settle()


@dataclass(frozen=True)
class Script:
    """The kubectl commands that do what the playbook does: is the cluster there, apply everything, mark the nodes."""

    cluster: BenchCluster
    manifests: Path

    @classmethod
    def of_hardened(cls, cluster: BenchCluster) -> Script:
        """A script whose manifests are what the playbook has applied to this cluster."""
        kinds = cluster.kubectl("api-resources", "--verbs=list,delete", "-o", "name").split()
        found = cluster.kubectl("get", ",".join(kinds), "-A", "-l", OURS, "--show-managed-fields", "-o", "json")
        items = [_as_written(item) for item in json.loads(found)["items"] if _is_applied_by_us(item)]
        items.sort(key=lambda item: item["kind"] != "Namespace")
        path = cluster.home / "script.json"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), encoding="utf-8")
        return cls(cluster, path)

    def __call__(self) -> None:
        """Run it."""
        self.cluster.kubectl("version")
        kubectl_apply(self.cluster, self.manifests)
        kubectl_marks(self.cluster)

    def undo(self) -> None:
        """Make the cluster bare again, whoever hardened it."""
        items = json.loads(self.manifests.read_text(encoding="utf-8"))["items"]
        whole = [item for item in items if "namespace" not in item["metadata"]]
        self.cluster.kubectl("delete", "--ignore-not-found", *(_argument(item) for item in whole))
        unmark(self.cluster)


def _is_applied_by_us(item: dict[str, Any]) -> bool:
    entries = item["metadata"].get("managedFields", ())
    return any(entry["manager"].startswith("gpu_cluster.") and entry["operation"] == "Apply" for entry in entries)


def _as_written(item: dict[str, Any]) -> dict[str, Any]:
    """A manifest as a person would have written it."""
    metadata = {key: item["metadata"][key] for key in ("name", "namespace", "labels") if key in item["metadata"]}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}


def _argument(item: dict[str, Any]) -> str:
    """An object as kubectl takes it: KIND.VERSION.GROUP/NAME."""
    group, _slash, version = item["apiVersion"].rpartition("/")
    kind = f"{item['kind']}.{version}.{group}" if group else item["kind"]
    return f"{kind}/{item['metadata']['name']}"


@dataclass(frozen=True)
class KubernetesCore:
    """The collection kubernetes.core in a Python environment of its own: PyPI's package ansible brings it."""

    programs: Path
    version: str

    @classmethod
    def installed(cls) -> KubernetesCore:
        """Install it, unless the pinned version is there."""
        folder = CHECKOUT / ".build" / "bench-venv"
        wanted = CHECKOUT / "requirements" / "bench.txt"
        done = folder / "requirements.txt"
        if not done.exists() or done.read_text(encoding="utf-8") != wanted.read_text(encoding="utf-8"):
            say(f"installing kubernetes.core into {folder.relative_to(CHECKOUT)} (about a minute, once)")
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            subprocess.run([*pip, "--requirement", str(wanted)], check=True)
            done.write_text(wanted.read_text(encoding="utf-8"), encoding="utf-8")
        (manifest,) = folder.glob("lib/*/site-packages/ansible_collections/kubernetes/core/MANIFEST.json")
        version = json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"]
        return cls(folder / "bin", f"kubernetes.core {version}")

    def mark(self, cluster: BenchCluster, nodes: Sequence[str]) -> None:
        """Label and taint these nodes: one task for each, in a loop, as its documentation shows."""
        node = {
            "state": "patched",
            "kind": "Node",
            "name": "{{ item }}",
            "definition": {"metadata": {"labels": LABELS}},
        }
        taint = {"name": "{{ item }}", "taints": [TAINT]}
        cluster.tasks(
            {"kubernetes.core.k8s": node, "loop": nodes},
            {"kubernetes.core.k8s_taint": taint, "loop": nodes},
            programs=self.programs,
        )
