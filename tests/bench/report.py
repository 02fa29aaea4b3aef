# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures as a table for people and as a list for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from job_cases import CLUSTERS, FIRST_RUN_AT_MOST, PINGS
from measure import RUNS, Row
from raw_requests import CONCURRENCY

LICENCE = """<!--
Copyright (c) 2026, the gpu_cluster.hardening authors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->
"""
INTRODUCTION = """# Benchmarks

Made by `make bench`: a real API server and etcd with simulated nodes ([roles/sandbox](../roles/sandbox/README.md)) on
one machine with {cores} cores ({machine}), Python {python}. Times are medians of {runs} runs, ours and the peer's in
turn, each begun when the control plane was idle. The seconds are this machine's. Here the server shares its cores with
the client; where it has more of them, concurrent requests gain more.

Rows with "CPU" are the processor time (user and system) of the process that was started and of all that it started,
without the server's; all other rows are wall time.

"The main job" is `harden-gpu-cluster.yml` with all its layers and defaults, as `ansible-playbook` runs it: nothing is
left out or set, but the kubeconfig. "The module" is its process, as Ansible starts it where it does not run in
Ansible's own.
"""
NOTES = """
The script of kubectl commands is `kubectl version`, `kubectl get` of GPU nodes, DaemonSets and admission policies,
`kubectl apply --server-side` once a layer, of the files that `gpu_cluster_render_to` gives for it, `kubectl label`
and `kubectl taint` of GPU nodes, and `kubectl rollout status` of each DaemonSet. It has no step for layers that have
nothing to do by default (`vault`, `external_secrets`, `workloads`), keeps no revisions, prunes nothing and checks
nothing before it writes. The pods that it waits for, as the main job does, are simulated. First runs are measured
with up to {first:,} GPU nodes: with more, nearly all of a first run is the simulated start of pods, three for each
node.

The play of {pings} pings is {pings} tasks `ansible.builtin.ping` for one host: the same `ansible.cfg` and number of
forks, connection `local`. The many clusters in one inventory are one sandbox under {clusters} names, with `--forks
{clusters}`: an unchanged run writes nothing, so these do not disturb each other, and share one server. The memory is
the peak resident size of the largest process of the run, shared pages included.

"The same requests, raw" are a dry run and a write for each object, {concurrency} at a time, by a client that makes
all bodies before, looks at nothing but the status of the answers, and whose start does not count. It waits where the
server demands it: namespaces come before what is in them. With `rehearse: false`, a new object is sent once, and a
refusal shows only when others are written already.

"verify" is the module `cluster_audit_info` with stages that are not hardened, so that most checks find something.
Beside it stands `kubectl get -o yaml` of the kinds that kube-score reads, and kube-score on that file. It judges
workloads, Services and NetworkPolicies one by one; it knows no nodes, rights, admission, layers, versions or GPUs,
computes no matrix and tries nothing.

`kubernetes.core` was measured on a few nodes and extrapolated for each node; the start of `ansible-playbook` counts
once. Requests are counted in the API server's audit log. Other memory is the peak resident size of the module's
process.

The pod that is created under all admission policies has two containers, two volumes and a GPU, and every policy
admits it. One client creates it in turn in `ml-training` and in a namespace that no policy holds in. The figures are
of the run with the median ratio.
"""


def write(rows: Sequence[Row], folder: Path) -> str:
    """Write benchmarks.md and benchmarks.json; returns the former."""
    (folder / "benchmarks.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    notes = NOTES.format(pings=PINGS, clusters=CLUSTERS, first=FIRST_RUN_AT_MOST, concurrency=CONCURRENCY)
    text = "\n".join((LICENCE, _introduction(), _comparisons(rows), _values(rows))) + notes
    (folder / "benchmarks.md").write_text(text, encoding="utf-8")
    return text


def _introduction() -> str:
    return INTRODUCTION.format(
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
        runs=RUNS,
    )


def _comparisons(rows: Sequence[Row]) -> str:
    lines = [
        "| Case | Ours (s) | Compared with | Theirs (s) | Ratio | Goal | Reached |",
        "|---|--:|---|--:|--:|--:|---|",
    ]
    for row in rows:
        if "ratio" in row:
            lines.append(
                f"| {row['case']} | {row['ours_s']} | {row['peer']} | {row['peer_s']} | {row['ratio']:.3f} | "
                f"{_goal(row['ratio'], row['goal'], '.3f')} |"
            )
    return "\n".join(lines) + "\n"


def _values(rows: Sequence[Row]) -> str:
    lines = ["| Case | Measured | At most | Reached |", "|---|--:|--:|---|"]
    for row in rows:
        if "value" in row:
            lines.append(f"| {row['case']} | {row['value']:g} | {_goal(row['value'], row['goal'], 'g')} |")
    return "\n".join(lines) + "\n"


def _goal(measured: float, goal: float | None, form: str) -> str:
    """The last two columns; empty for a figure that is only shown."""
    return "|" if goal is None else f"{goal:{form}} | {'yes' if measured <= goal else 'no'}"
