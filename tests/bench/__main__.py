# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the collection against kubectl on a sandbox of 1,000 GPU nodes; writes docs/benchmarks.{md,json}.

Every figure is the median of three runs, ours and the peer's in turn, in one run of this program on one machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
DIRECTORY = CHECKOUT / ".build" / "bench-sandbox"
KUBECONFIG = DIRECTORY / "kubeconfig"
RUNS = 3
GPU_NODES = 1000
SELECTOR = "nvidia.com/gpu.present=true"
KEYS = ("node-type", "gpu-type", "node-restriction.kubernetes.io/node-type")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("KUBE")},
    "PYTHONPATH": str(CHECKOUT / ".build" / "collections"),
    "KUBECONFIG": str(KUBECONFIG),
}


@dataclass(frozen=True)
class Comparison:
    """A case: what we do, what the peer does, and how both are undone before each run. ``goal`` bounds ours / peer."""

    case: str
    ours: Callable[[], object]
    peer: Callable[[], object]
    reset: Callable[[], object]
    goal: float

    def measure(self) -> dict[str, Any]:
        """Run both in turn; medians in seconds."""
        times: dict[str, list[float]] = {"ours": [], "peer": []}
        for _run in range(RUNS):
            for name, run in (("ours", self.ours), ("peer", self.peer)):
                self.reset()
                started = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - started)
        ours, peer = statistics.median(times["ours"]), statistics.median(times["peer"])
        return {
            "case": self.case,
            "ours_s": round(ours, 2),
            "peer": "kubectl",
            "peer_s": round(peer, 2),
            "ratio": round(ours / peer, 3),
            "goal": self.goal,
        }


def run(*command: str, stdin: str | None = None) -> str:
    """Run a command that must succeed."""
    done = subprocess.run(
        command, env=ENVIRONMENT, cwd=CHECKOUT, input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """The sandbox's own kubectl, as the administrator."""
    return run(str(DIRECTORY / "bin" / "kubectl"), *arguments, stdin=stdin)


def module(name: str, **parameters: Any) -> dict[str, Any]:
    """Run a module as Ansible runs it on this machine: a process of its own, arguments on its standard input."""
    arguments = {"kubeconfig": str(KUBECONFIG), "_ansible_remote_tmp": str(CHECKOUT / ".build"), **parameters}
    path = CHECKOUT / "plugins" / "modules" / f"{name}.py"
    answer: dict[str, Any] = json.loads(
        run(sys.executable, str(path), stdin=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
    )
    return answer


def sandbox(state: str) -> None:
    """Start or remove the sandbox of the benchmark."""
    groups = [{"prefix": "gpu", "count": GPU_NODES, "product": "NVIDIA-A100-SXM4-80GB"}]
    groups[0].update({"memory": 81920, "family": "ampere", "compute": "8.0", "machine": "DGXA100"})
    variables = {"sandbox_directory": str(DIRECTORY), "sandbox_state": state, "sandbox_gpu_nodes": groups}
    run(str(BIN / "ansible-playbook"), "-i", "localhost,", "playbooks/sandbox.yml", "-e", json.dumps(variables))


def bare_nodes() -> None:
    """Take labels and taint off all GPU nodes, whoever set them."""
    kubectl("label", "nodes", "-l", SELECTOR, *(f"{key}-" for key in KEYS))
    tainted = '{.items[?(@.spec.taints[*].key=="nvidia.com/gpu")].metadata.name}'
    if kubectl("get", "nodes", "-l", SELECTOR, "-o", f"jsonpath={tainted}"):
        kubectl("taint", "nodes", "-l", SELECTOR, "nvidia.com/gpu-")


def kubectl_nodes() -> None:
    """Label and taint with a selector, as a user would by hand."""
    labels = [f"{KEYS[0]}=gpu", f"{KEYS[1]}=a100", f"{KEYS[2]}=gpu"]
    kubectl("label", "nodes", "-l", SELECTOR, "--overwrite", *labels)
    kubectl("taint", "nodes", "-l", SELECTOR, "--overwrite", "nvidia.com/gpu=true:NoSchedule")


def mixed_manifests(count: int) -> list[dict[str, Any]]:
    """ConfigMaps, ServiceAccounts, Roles, NetworkPolicies and Services in ten namespaces."""
    names = [f"bench-{number}" for number in range(10)]
    manifests: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names
    ]
    bodies: Sequence[tuple[str, str, dict[str, Any]]] = (
        ("v1", "ConfigMap", {"data": {"epochs": "10"}}),
        ("v1", "ServiceAccount", {"automountServiceAccountToken": False}),
        (
            "rbac.authorization.k8s.io/v1",
            "Role",
            {"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]},
        ),
        ("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}),
        ("v1", "Service", {"spec": {"selector": {"app": "bench"}, "ports": [{"name": "http", "port": 80}]}}),
    )
    for number in range(count - len(names)):
        api_version, kind, body = bodies[number % len(bodies)]
        metadata = {"name": f"bench-{number}", "namespace": names[number // len(bodies) % len(names)]}
        manifests.append({"apiVersion": api_version, "kind": kind, "metadata": metadata, **body})
    return manifests


def without_manifests() -> None:
    """Delete the namespaces of the benchmark and wait until they are gone."""
    kubectl("delete", "namespace", "--ignore-not-found", *(f"bench-{number}" for number in range(10)))


def playbook() -> None:
    """The main job."""
    inventory = {"gpu_clusters": {"hosts": {"bench": {"gpu_cluster_kubeconfig": str(KUBECONFIG)}}}}
    path = CHECKOUT / ".build" / "bench-inventory.json"
    path.write_text(json.dumps(inventory), encoding="utf-8")
    run(str(BIN / "ansible-playbook"), "-i", str(path), "harden-gpu-cluster.yml")


def shell_script() -> None:
    """The kubectl commands that a shell script would use for what the playbook does."""
    kubectl("version")
    kubectl("apply", "--server-side", "--field-manager=script", "-f", str(CHECKOUT / ".build" / "bench-stages.json"))
    kubectl_nodes()


def save_stages() -> None:
    """Write what the playbook applied to a file, for the shell script to apply."""
    mine = ("-A", "-l", "app.kubernetes.io/part-of=gpu-cluster-hardening", "-o", "json")
    found = json.loads(kubectl("get", "namespaces,serviceaccounts,roles,rolebindings,networkpolicies", *mine))
    for item in found["items"]:
        kept = {key: item["metadata"][key] for key in ("name", "namespace", "labels") if key in item["metadata"]}
        item["metadata"] = kept
        item.pop("status", None)
    path = CHECKOUT / ".build" / "bench-stages.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": found["items"]}), encoding="utf-8")


def bare_cluster() -> None:
    """Undo the main job."""
    bare_nodes()
    kubectl("delete", "namespace", "--ignore-not-found", "ml-training", "ml-serving", "ml-monitoring")


def hardened_cluster() -> None:
    """Nothing to undo: the unchanged run is measured."""


def main() -> None:
    """Measure all cases and write the table."""
    sandbox("started")
    try:
        manifests = mixed_manifests(1000)
        file = CHECKOUT / ".build" / "bench-manifests.json"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}), encoding="utf-8")
        playbook()
        save_stages()
        cases = [
            Comparison(
                f"label and taint {GPU_NODES} GPU nodes", lambda: module("gpu_nodes"), kubectl_nodes, bare_nodes, 1 / 3
            ),
            Comparison(
                "apply 1,000 mixed manifests",
                lambda: module("manifests", manifests=manifests),
                lambda: kubectl("apply", "--server-side", "-f", str(file)),
                without_manifests,
                0.5,
            ),
            Comparison(f"whole playbook, {GPU_NODES} nodes, first run", playbook, shell_script, bare_cluster, 1.0),
        ]
        rows = [case.measure() for case in cases]
        bare_cluster()
        playbook()
        unchanged = f"whole playbook, {GPU_NODES} nodes, unchanged"
        rows.append(Comparison(unchanged, playbook, shell_script, hardened_cluster, 0.6).measure())
    finally:
        sandbox("absent")
    write(rows)


def write(rows: Sequence[dict[str, Any]]) -> None:
    """Write the table for people and the list for programs."""
    docs = CHECKOUT / "docs"
    (docs / "benchmarks.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    lines = [
        "# Benchmarks",
        "",
        f"`make bench`, {GPU_NODES} simulated GPU nodes, {os.cpu_count()} cores: medians of {RUNS} runs,",
        "ours and the peer's in turn. The ratio is what counts; the seconds are this machine's.",
        "",
        "| case | ours (s) | kubectl (s) | ratio | goal | reached |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['case']} | {row['ours_s']} | {row['peer_s']} | {row['ratio']} | {row['goal']:.2f} | "
        f"{'yes' if row['ratio'] <= row['goal'] else 'no'} |"
        for row in rows
    ]
    text = "\n".join(lines) + "\n"
    (docs / "benchmarks.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
