# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people use today for one piece of the work: kubectl and kubernetes.core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import BenchCluster, CommandError
from measure import say
from sandbox_access import CHECKOUT

KUBE_SCORE = "v1.20.0"
GPU_NODE_SELECTOR = "nvidia.com/gpu.present=true"
# The sandbox gives its GPU nodes this label, which no kubelet can set.
CONFIRMED = {"label_selector": "node-restriction.kubernetes.io/pool=gpu"}
LABELS = {"node-type": "gpu", "gpu-type": "a100", "node-restriction.kubernetes.io/node-type": "gpu"}
TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
OURS = "app.kubernetes.io/part-of=gpu-cluster-hardening"


def kubectl_marks(cluster: BenchCluster) -> None:
    """Label and taint with a selector, as one would by hand."""
    nodes = ("nodes", "-l", GPU_NODE_SELECTOR, "--overwrite")
    cluster.kubectl("label", *nodes, *(f"{key}={value}" for key, value in LABELS.items()))
    cluster.kubectl("taint", *nodes, f"{TAINT['key']}={TAINT['value']}:{TAINT['effect']}")


def kubectl_apply(cluster: BenchCluster, manifests: Path, manager: str = "script") -> None:
    """Server-side apply of a file."""
    cluster.kubectl("apply", "--server-side", f"--field-manager={manager}", "-f", str(manifests))


def make_bare(cluster: BenchCluster) -> None:
    """Take away all that hardens the cluster, whoever applied it."""
    unmark(cluster)
    kinds = cluster.kubectl("api-resources", "--namespaced=false", "--verbs=list,delete", "-o", "name").split()
    cluster.kubectl("delete", ",".join(kinds), "-l", OURS)  # and what is in the namespaces
    cluster.settle()


def unmark(cluster: BenchCluster) -> None:
    """Take labels and taint off all nodes, whoever set them."""
    cluster.module("gpu_nodes", state="absent", purge=True)
    labelled, tainted = _marked(cluster)
    if labelled:
        cluster.kubectl("label", "nodes", *labelled, *(f"{key}-" for key in LABELS))
    if tainted:  # by name: of nodes without the taint, kubectl says that it failed
        cluster.kubectl("taint", "nodes", *tainted, f"{TAINT['key']}:{TAINT['effect']}-")
    if any(_marked(cluster)):
        raise CommandError("The nodes are not bare, so the next run would have less to do.")
    cluster.settle()


def _marked(cluster: BenchCluster) -> tuple[list[str], list[str]]:
    """The names of the GPU nodes that have our label, and of those that have our taint."""
    columns = "NAME:.metadata.name,LABEL:.metadata.labels.node-type,TAINT:.spec.taints[*].key"
    nodes = cluster.kubectl("get", "nodes", "-l", GPU_NODE_SELECTOR, "--no-headers", "-o", f"custom-columns={columns}")
    rows = [line.split() for line in nodes.splitlines()]
    labelled = [name for name, label, _taint in rows if label != "<none>"]
    return labelled, [name for name, _label, taint in rows if TAINT["key"] in taint.split(",")]


@dataclass(frozen=True)
class KubernetesCore:
    """The collection kubernetes.core in a Python environment of its own: PyPI's package ansible brings it."""

    programs: Path
    version: str

    @classmethod
    def installed(cls) -> KubernetesCore:
        """Install it, unless the pinned version is there."""
        folder = CHECKOUT / ".build" / "bench-venv"
        runs, brings = (CHECKOUT / "requirements" / name for name in ("bench.txt", "bench-peer.txt"))
        wanted = runs.read_text(encoding="utf-8") + brings.read_text(encoding="utf-8")
        done = folder / "requirements.txt"
        if not done.exists() or done.read_text(encoding="utf-8") != wanted:
            say(f"installing kubernetes.core into {folder.relative_to(CHECKOUT)} (about a minute, once)")
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            subprocess.run([*pip, "--requirement", str(runs)], check=True)
            subprocess.run([*pip, "--no-deps", "--ignore-requires-python", "--requirement", str(brings)], check=True)
            done.write_text(wanted, encoding="utf-8")
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


@dataclass(frozen=True)
class KubeScore:
    """kube-score, built from its sources: it judges files of objects, and asks no server."""

    program: Path
    version: str

    @classmethod
    def installed(cls) -> KubeScore:
        """Build it, unless the pinned version is there."""
        folder = CHECKOUT / ".build" / f"kube-score-{KUBE_SCORE}"
        if not (folder / "kube-score").exists():
            say(f"building kube-score {KUBE_SCORE} into {folder.relative_to(CHECKOUT)} (a minute or two, once)")
            environment = {**os.environ, "GOBIN": str(folder)}
            package = f"github.com/zegl/kube-score/cmd/kube-score@{KUBE_SCORE}"
            subprocess.run(["go", "install", package], check=True, env=environment)
        return cls(folder / "kube-score", f"kube-score {KUBE_SCORE}")

    def score(self, cluster: BenchCluster, kinds: str) -> None:
        """Judge all objects of these kinds, as its documentation shows: kubectl writes them, and it reads them."""
        dump = cluster.home / "dump.yaml"
        dump.write_text(cluster.kubectl("get", kinds, "-A", "-o", "yaml"), encoding="utf-8")
        with (cluster.home / "score.json").open("w", encoding="utf-8") as report:
            command = [str(self.program), "score", "--output-format", "json", str(dump)]
            # It ends with 1 where something is wrong.
            done = subprocess.run(command, stdout=report, stderr=subprocess.PIPE, check=False)
        if done.returncode not in (0, 1):
            raise CommandError(f"kube-score failed: {done.stderr.decode()[-2000:]}")
