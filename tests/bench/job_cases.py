# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole main job with its defaults: alone at each size, and for many clusters at once."""

from __future__ import annotations

from audit_log import AuditLog
from cluster import BenchCluster
from measure import Comparison, Row, cost_of, median, say, value
from peers import make_bare
from script import Script

PINGS = 17
CLUSTERS = 20
WORKER_MB = 250
OTHER_NODES = 3  # of a sandbox: without GPUs, and of the control plane
FIRST_RUN_AT_MOST = 1000
"""GPU nodes. With more, minutes of a first run are the simulated roll-out of pods, by us as by the script."""
PATIENCE = dict.fromkeys(("device_plugin_wait_timeout", "dcgm_exporter_wait_timeout", "falco_wait_timeout"), 3600)


def whole_job(cluster: BenchCluster, gpu_nodes: int) -> list[Row]:
    """First run and unchanged, beside a script of kubectl commands and, unchanged, beside a play of pings."""
    script = Script.rendered(cluster)
    nodes = f"{gpu_nodes + OTHER_NODES:,} nodes"
    rows = _first_run(cluster, script, nodes) if gpu_nodes <= FIRST_RUN_AT_MOST else []
    say(f"hardening {nodes}, as the case to measure is an unchanged run")
    cluster.playbook(**PATIENCE)
    script()  # else its first run would write what the second does not
    return [*rows, *_beside_script(cluster, script, nodes), *_beside_pings(cluster, nodes), _writes(cluster, nodes)]


def fleet(cluster: BenchCluster, gpu_nodes: int) -> list[Row]:
    """One cluster and many, unchanged: CPU and memory of the whole run."""
    cluster.playbook()
    peaks: list[float] = []

    def many() -> None:
        peaks.append(cluster.fleet(CLUSTERS).peak_mb)

    def multiple() -> float:
        one, all_of_them = cost_of(cluster.playbook), cost_of(many)
        say(
            f"1 cluster: CPU {one.cpu:.2f} s, {one.wall:.2f} s; {CLUSTERS}: CPU {all_of_them.cpu:.2f} s, "
            f"{all_of_them.wall:.2f} s, {peaks[-1]:.0f} MB"
        )
        return round(all_of_them.cpu / one.cpu, 2)

    case = f"the main job, {CLUSTERS} clusters of {gpu_nodes + OTHER_NODES} nodes in one inventory, unchanged"
    measured = median(f"{case}: CPU, as a multiple of one", multiple, cluster.settle)
    return [
        value(f"{case}: CPU, as a multiple of one", measured, CLUSTERS),
        value(f"{case}: peak memory of the largest process (MB)", round(max(peaks)), WORKER_MB),
    ]


def _first_run(cluster: BenchCluster, script: Script, nodes: str) -> list[Row]:
    return Comparison(
        f"the main job, {nodes}, first run",
        "script of kubectl commands",
        cluster.playbook,
        script,
        {"wall": 1.0, "cpu": None},
        lambda: make_bare(cluster),
    ).measure()


def _beside_script(cluster: BenchCluster, script: Script, nodes: str) -> list[Row]:
    return Comparison(
        f"the main job, {nodes}, unchanged",
        "script of kubectl commands",
        cluster.playbook,
        script,
        {"wall": 0.6, "cpu": None},
        cluster.settle,
    ).measure()


def _beside_pings(cluster: BenchCluster, nodes: str) -> list[Row]:
    pings = [{"ansible.builtin.ping": {}}] * PINGS
    return Comparison(
        f"the main job, {nodes}, unchanged",
        f"a play of {PINGS} pings",
        cluster.playbook,
        lambda: cluster.tasks(*pings),
        {"cpu": 1.0, "wall": None},
        cluster.settle,
    ).measure()


def _writes(cluster: BenchCluster, nodes: str) -> Row:
    audit = AuditLog(cluster.sandbox.audit_log, cluster.sandbox.kubectl)
    cluster.playbook()
    return value(f"the main job, {nodes}, unchanged: write requests", len(audit.requests().writes), 0)
