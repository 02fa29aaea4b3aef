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

from cluster import LAYERS
from measure import RUNS, Row

LICENCE = """<!--
Copyright (c) 2026, the gpu_cluster.hardening authors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->
"""
INTRODUCTION = """# Benchmarks

Made by `make bench`: a real API server and etcd with simulated nodes ([roles/sandbox](../roles/sandbox/README.md)) on
one machine with {cores} cores ({machine}), Python {python}, {peer}. Times are medians of {runs} runs, ours and the
peer's in turn, each begun when the control plane was idle. The seconds are this machine's. Here the server shares its
cores with the client; where it has more of them, concurrent requests gain more.

"The module" is its process, as Ansible starts it. What `ansible-playbook` itself takes comes once a play, and is part
of the cases that name a playbook. "The playbook" is the main job with the layers
{layers}. Most others run DaemonSets, whose roll-out is up to kubelets,
which are simulated here; `admission_policies` waits for what a controller says of its expressions, for which the script
does not ask.
"""
NOTES = """
`kubernetes.core` was measured on a few nodes and extrapolated for each node; the start of `ansible-playbook` counts
once. The script is `kubectl version`, `kubectl apply --server-side` of what the playbook applies, `kubectl label` and
`kubectl taint`; it asks nothing before it writes. Requests are counted in the API server's audit log, memory is the
peak resident size of the module's process.

The pod that is created under all admission policies has two containers, two volumes and a GPU, and every policy admits
it. One client creates it in turn in `ml-training` and in a namespace that no policy holds in. The figures are of the
run with the median ratio.

What bounds the ratios:

- A new object is sent twice, first as a dry run, so that one that the server would refuse keeps the others from being
  written, too. `kubectl apply` sends it once. On a server that shares two cores with its client, sixteen requests at
  once do not make up for that; the server's own work for one creation is most of the time of both.
- Each task is a process of its own, about half a second of Python and of Ansible around it, however few objects there
  are. This is most of an unchanged run on a small cluster; with more nodes it stays as it is, while the script writes
  every taint again.
"""


def write(rows: Sequence[Row], folder: Path, peer: str) -> str:
    """Write benchmarks.md and benchmarks.json; returns the former."""
    (folder / "benchmarks.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    text = LICENCE + "\n" + _introduction(peer) + "\n" + _comparisons(rows) + "\n" + _values(rows) + NOTES
    (folder / "benchmarks.md").write_text(text, encoding="utf-8")
    return text


def _introduction(peer: str) -> str:
    return INTRODUCTION.format(
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
        peer=peer,
        runs=RUNS,
        layers=", ".join(f"`{layer}`" for layer in LAYERS),
    )


def _comparisons(rows: Sequence[Row]) -> str:
    lines = [
        "| Case | Ours (s) | Compared with | Theirs (s) | Ratio | Goal | Reached |",
        "|---|--:|---|--:|--:|--:|---|",
    ]
    for row in rows:
        if "ratio" in row:
            reached = "yes" if row["ratio"] <= row["goal"] else "no"
            lines.append(
                f"| {row['case']} | {row['ours_s']} | {row['peer']} | {row['peer_s']} | {row['ratio']:.3f} | "
                f"{row['goal']:.3f} | {reached} |"
            )
    return "\n".join(lines) + "\n"


def _values(rows: Sequence[Row]) -> str:
    lines = ["| Case | Measured | At most | Reached |", "|---|--:|--:|---|"]
    for row in rows:
        if "value" in row:
            reached = "yes" if row["value"] <= row["goal"] else "no"
            lines.append(f"| {row['case']} | {row['value']:g} | {row['goal']:g} | {reached} |")
    return "\n".join(lines) + "\n"
