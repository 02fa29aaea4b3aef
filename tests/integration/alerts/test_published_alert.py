# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the alert that compares labels of pods does, by promtool: the reason why ours goes by accounts.

The rule is the one of "Kubernetes Security Hardening for Production AI Workloads in 2026", section 4.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from alerts.cluster_series import Cluster, Series, always
from alerts.conftest import Check, Labels

RULE = {
    "alert": "UnexpectedGPUUsage",
    "expr": 'DCGM_FI_DEV_GPU_UTIL > 90\nand on(pod)\nkube_pod_labels{label_app!~"training-job|model-server"}\n',
    "for": "5m",
    "labels": {"severity": "critical"},
}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The rule file."""
    path = tmp_path / "published.json"
    path.write_text(json.dumps({"groups": [{"name": "gpu-security", "rules": [RULE]}]}), encoding="utf-8")
    return path


def labelled(cluster: Cluster, namespace: str, pod: str, app: str) -> Series:
    """What kube-state-metrics tells of the labels of a pod; no ``app`` unless it is allowed to tell that."""
    return cluster.kube("kube_pod_labels", namespace=namespace, pod=pod, label_app=app)


def busy(cluster: Cluster, namespace: str, pod: str) -> Series:
    return cluster.gpu("DEV_GPU_UTIL", always(97), namespace=namespace, pod=pod)


def alert(namespace: str, pod: str) -> Labels:
    return {"alertname": "UnexpectedGPUUsage", "namespace": namespace, "pod": pod, "Hostname": "gpu-1", "gpu": "0"}


def exporter(cluster: Cluster) -> Series:
    return cluster.kube(
        "kube_pod_labels", namespace="dcgm-exporter", pod="dcgm-exporter-11111", label_app="dcgm-exporter"
    )


def test_as_prometheus_scrapes_by_default_it_fires_on_legitimate_training(published: Path, check: Check) -> None:
    scraped, kube = Cluster("exported"), Cluster("honored")
    found = busy(scraped, "ml-training", "train-0") | labelled(kube, "ml-training", "train-0", "training-job")
    check(found | exporter(kube), 10, alert("dcgm-exporter", "dcgm-exporter-11111"), of=published)


def test_without_an_allow_list_for_the_label_it_fires_on_legitimate_training(published: Path, check: Check) -> None:
    cluster = Cluster("honored")
    found = busy(cluster, "ml-training", "train-0") | labelled(cluster, "ml-training", "train-0", "")
    check(found, 10, alert("ml-training", "train-0"), of=published)


def test_whoever_wears_the_label_evades_it(published: Path, check: Check) -> None:
    cluster = Cluster("honored")
    found = busy(cluster, "default", "xmr-0") | labelled(cluster, "default", "xmr-0", "training-job")
    check(found, 60, of=published)


def test_a_pod_of_the_same_name_elsewhere_makes_it_fire(published: Path, check: Check) -> None:
    cluster = Cluster("honored")
    found = busy(cluster, "ml-training", "worker-0") | labelled(cluster, "ml-training", "worker-0", "training-job")
    found |= labelled(cluster, "web", "worker-0", "shop")
    check(found, 10, alert("ml-training", "worker-0"), of=published)


def test_where_kube_state_metrics_is_away_it_fires_on_nothing(published: Path, check: Check) -> None:
    check(busy(Cluster("honored"), "default", "xmr-0"), 60, of=published)


def test_it_never_sees_a_gpu_under_mig(published: Path, check: Check) -> None:
    cluster = Cluster("honored")
    found = cluster.gpu("PROF_GR_ENGINE_ACTIVE", always(1), GPU_I_ID="1", namespace="default", pod="xmr-0")
    check(found | labelled(cluster, "default", "xmr-0", "xmr"), 60, of=published)


def test_with_honor_labels_and_the_allow_list_it_sees_an_honest_miner(published: Path, check: Check) -> None:
    cluster = Cluster("honored")
    found = busy(cluster, "default", "xmr-0") | labelled(cluster, "default", "xmr-0", "xmr")
    check(found, 10, alert("default", "xmr-0"), of=published)
