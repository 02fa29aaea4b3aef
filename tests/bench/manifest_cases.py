# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many manifests at once: new, and again."""

from __future__ import annotations

from itertools import count

from audit_log import AuditLog
from cluster import BenchCluster
from measure import Comparison, Row, median, seconds_of, value
from mixed_manifests import Manifest, mixed_manifests, save
from peers import kubectl_apply
from raw_requests import sender

FEW, MANY = 1000, 5000
MEMORY_MB = 250
LINEAR = 1.2  # how much dearer one of many objects may be than one of few


def manifests(cluster: BenchCluster, _gpu_nodes: int) -> list[Row]:
    """New ones beside kubectl and beside raw requests, with rehearsal and without; unchanged ones; many."""
    work = _Work(cluster)
    new = f"apply {FEW:,} mixed manifests, all new"
    kubectl = "kubectl apply --server-side"
    raw = "the same requests, raw"
    return [
        *Comparison(
            f"{new}: module manifests", kubectl, work.ours, work.kubectl, {"wall": 0.5}, cluster.settle
        ).measure(),
        *Comparison(f"{new}: module manifests", raw, work.ours, work.raw, {"wall": 1.15}, cluster.settle).measure(),
        *Comparison(
            f"{new}: module layer, rehearse: false", kubectl, work.layer, work.kubectl, {"wall": 0.7}, cluster.settle
        ).measure(),
        *_again(cluster),
        *_many(cluster, work),
    ]


class _Work:
    """Ways to apply manifests that are not there yet: each call has names of its own."""

    def __init__(self, cluster: BenchCluster) -> None:
        self.cluster = cluster
        self._rounds = count()
        self._send_raw = sender(cluster.sandbox.kubeconfig)

    def new(self, objects: int = FEW) -> list[Manifest]:
        return mixed_manifests(objects, f"round-{next(self._rounds)}")

    def ours(self) -> None:
        self.cluster.module("manifests", manifests=self.new())

    def layer(self) -> None:
        new = self.new()
        self.cluster.module("layer", name=f"bench-{new[0]['metadata']['name']}", manifests=new, rehearse=False)

    def kubectl(self) -> None:
        kubectl_apply(self.cluster, save(self.new(), self.cluster.home / "mixed.json"))

    def raw(self) -> None:
        self._send_raw(self.new())


def _again(cluster: BenchCluster) -> list[Row]:
    audit = AuditLog(cluster.sandbox.audit_log, cluster.sandbox.kubectl)
    same = mixed_manifests(FEW, "again")
    cluster.module("manifests", manifests=same)
    audit.mark()
    cluster.module("manifests", manifests=same)
    requests = audit.requests()
    return [
        value(f"{FEW:,} manifests again, unchanged: write requests", len(requests.writes), 0),
        value(
            f"{FEW:,} manifests again, unchanged: most requests for one kind in one namespace",
            max(requests.per_kind_and_namespace().values()),
            2,
        ),
    ]


def _many(cluster: BenchCluster, work: _Work) -> list[Row]:
    peaks: list[float] = []

    def seconds(objects: int) -> float:
        cluster.settle()
        new = work.new(objects)
        return seconds_of(lambda: peaks.append(cluster.module("manifests", manifests=new).peak_mb))

    def growth() -> float:
        return round(seconds(MANY) / MANY / (seconds(FEW) / FEW), 2)

    case = f"time of applying one manifest: of {MANY:,} manifests / of {FEW:,}"
    measured = median(case, growth)
    return [
        value(f"peak memory of the module manifests, {MANY:,} objects (MB)", round(max(peaks)), MEMORY_MB),
        value(case, measured, LINEAR),
    ]
