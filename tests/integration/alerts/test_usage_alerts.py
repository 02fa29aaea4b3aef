# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the alerts on the use of GPUs fire, and when not, by promtool."""

from __future__ import annotations

from pathlib import Path

import pytest
from alerts.cluster_series import FORMS, Cluster, Series, always, without
from alerts.conftest import Check, Labels
from alerts.rule_rendering import render_rules

every_form = pytest.mark.parametrize("form", FORMS)
SPOT = {"Hostname": "gpu-2", "gpu": "0"}
ACCOUNTS_UNKNOWN = {"alertname": "GPUPodAccountsUnknown"}


def unexpected(namespace: str, pod: str, *alerts: str, **spot: str) -> list[Labels]:
    """The alerts on a pod that should have no GPU; both if none is named."""
    names = alerts or ("UnexpectedGPUUsage", "UnexpectedGPUAllocation")
    return [{"alertname": name, "namespace": namespace, "pod": pod, **SPOT, **spot} for name in names]


def bypass(**spot: str) -> Labels:
    """The alert on a busy GPU that no pod holds."""
    return {"alertname": "GPUBusyWithoutPod", **SPOT, **spot}


def miner(cluster: Cluster, namespace: str, account: str, busy: str = always(99)) -> Series:
    """A pod on gpu-2 that keeps its GPU busy, and wears the label of a training job."""
    pod = {"namespace": namespace, "pod": "xmr-0"}
    return {
        **cluster.pod(namespace, "xmr-0", account, "gpu-2"),
        **cluster.kube("kube_pod_labels", **pod, label_app="training-job"),
        **cluster.gpu("DEV_GPU_UTIL", busy, "gpu-2", **pod),
        **cluster.gpu("PROF_PIPE_TENSOR_ACTIVE", always(0.3), "gpu-2", **pod),
    }


@every_form
def test_nothing_fires_on_a_healthy_cluster_that_trains(form: str, check: Check) -> None:
    check(Cluster(form).healthy(), 80)


@every_form
@pytest.mark.parametrize(
    ("namespace", "account"),
    [
        ("default", "default"),
        ("default", "ml-trainer"),  # the account of the stage, but of another namespace
        ("ml-training", "default"),
        ("ml-training", "model-server"),  # the account of another stage
        ("ml-monitoring", "ml-monitor"),  # a stage without GPUs
        ("dcgm-exporter-x", "dcgm-exporter"),
    ],
)
def test_a_pod_of_another_namespace_or_account_is_unexpected(
    form: str, namespace: str, account: str, check: Check
) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | miner(cluster, namespace, account)
    check(found, 4)
    check(found, 6, *unexpected(namespace, "xmr-0", "UnexpectedGPUUsage"))
    check(found, 20, *unexpected(namespace, "xmr-0"))


@every_form
def test_one_that_keeps_below_the_threshold_is_still_seen_to_hold_a_gpu(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | miner(cluster, "default", "default", always(60))
    check(found, 60, *unexpected("default", "xmr-0", "UnexpectedGPUAllocation"))


@every_form
def test_two_ways_of_scraping_at_once_raise_one_alert(form: str, check: Check) -> None:
    cluster, other = Cluster(form), Cluster("exported" if form == "honored" else "honored")
    found = cluster.healthy() | miner(cluster, "default", "default") | other.healthy()
    found |= miner(other, "default", "default")
    check(found, 20, *unexpected("default", "xmr-0"))


@every_form
def test_without_kube_state_metrics_namespaces_decide(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | miner(cluster, "ml-training", "default")
    check(without(found, "kube_"), 30, ACCOUNTS_UNKNOWN)
    found = cluster.healthy() | miner(cluster, "default", "default")
    check(without(found, "kube_"), 30, ACCOUNTS_UNKNOWN, *unexpected("default", "xmr-0"))


@every_form
def test_labels_of_pods_are_not_needed(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | miner(cluster, "ml-training", "default")
    check(without(found, "kube_pod_labels"), 20, *unexpected("ml-training", "xmr-0"))


@every_form
@pytest.mark.parametrize("missed", ["DCGM_FI_", "kube_"])
def test_a_missed_scrape_ends_no_alert_and_delays_none(form: str, missed: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | miner(cluster, "ml-training", "default")
    gaps = {name: values.replace("+0x90", "+0x2 stale " + values) for name, values in found.items() if missed in name}
    check(found | gaps, 6, *unexpected("ml-training", "xmr-0", "UnexpectedGPUUsage"))
    gaps = {name: values.replace("+0x90", "+0x30 stale " + values) for name, values in found.items() if missed in name}
    check(found | gaps, 31, *unexpected("ml-training", "xmr-0"))


@every_form
def test_a_new_pod_of_the_exporter_delays_no_alert(form: str, check: Check) -> None:
    cluster = Cluster(form)
    pod = {"namespace": "default", "pod": "xmr-0"}
    found = cluster.healthy() | cluster.pod("default", "xmr-0", "default", "gpu-2")
    found |= cluster.gpu("DEV_GPU_UTIL", "99+0x3 stale", "gpu-2", "dcgm-exporter-aaaaa", **pod)
    found |= cluster.gpu("DEV_GPU_UTIL", "_x4 99+0x60", "gpu-2", "dcgm-exporter-bbbbb", **pod)
    check(found, 6, *unexpected("default", "xmr-0", "UnexpectedGPUUsage"))


@every_form
def test_a_pod_that_ended_soon_raises_nothing(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | miner(cluster, "default", "default", "99+0x2 stale")
    for minute in (3, 5, 6, 10, 20):
        check(found, minute)


@every_form
@pytest.mark.parametrize("exporter", ["dcgm-exporter-22222", "another-name-22222"])
def test_a_busy_gpu_that_no_pod_holds_is_a_bypass(form: str, exporter: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | cluster.gpu("DEV_GPU_UTIL", always(50), "gpu-2", exporter)
    check(found, 4)
    check(found, 20, bypass())


def test_the_pod_of_the_exporter_is_known_by_its_name_where_up_is_missing(check: Check) -> None:
    cluster = Cluster("honored")
    found = cluster.healthy() | cluster.gpu("DEV_GPU_UTIL", always(50), "gpu-2")
    check({name: values for name, values in found.items() if not name.startswith("up")}, 20, bypass())


@every_form
def test_a_gpu_that_idles_without_a_pod_is_fine(form: str, check: Check) -> None:
    cluster = Cluster(form)
    check(cluster.healthy() | cluster.gpu("DEV_GPU_UTIL", always(3), "gpu-2"), 20)


@every_form
def test_under_mig_each_instance_is_watched_by_its_engine(form: str, check: Check) -> None:
    cluster = Cluster(form)
    trainer, stranger = {"namespace": "ml-training", "pod": "train-1"}, {"namespace": "default", "pod": "xmr-0"}
    metric, tensor = "PROF_GR_ENGINE_ACTIVE", "PROF_PIPE_TENSOR_ACTIVE"
    instances = {"1": trainer, "2": stranger, "3": {}}
    found = cluster.healthy() | cluster.pod("ml-training", "train-1", "ml-trainer", "gpu-2")
    found |= cluster.pod("default", "xmr-0", "default", "gpu-2")
    for instance, pod in instances.items():
        mig = {"GPU_I_ID": instance, "GPU_I_PROFILE": "1g.10gb", **pod}
        found |= cluster.gpu(metric, always(0.98), "gpu-2", **mig)
        found |= cluster.gpu(tensor, always(0.3), "gpu-2", **mig)
        found |= cluster.gpu("DEV_GPU_UTIL", always(0), "gpu-2", **mig)  # some versions report it so
    found |= cluster.gpu(metric, always(0.98), "gpu-2")  # the whole GPU, which is the sum of its instances
    check(found, 20, bypass(GPU_I_ID="3"), *unexpected("default", "xmr-0", GPU_I_ID="2"))


@every_form
def test_one_gpu_shared_by_two_pods_is_judged_for_each(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | miner(cluster, "default", "default")
    found |= cluster.gpu("DEV_GPU_UTIL", always(99), "gpu-2", namespace="ml-training", pod="train-0", vgpu="1")
    check(found, 20, *unexpected("default", "xmr-0"))


@every_form
@pytest.mark.parametrize(
    ("metrics", "fires"),
    [
        ({"DEV_GPU_UTIL": 99, "PROF_PIPE_TENSOR_ACTIVE": 0}, True),
        ({"DEV_GPU_UTIL": 99, "PROF_PIPE_TENSOR_ACTIVE": 0.002, "DEV_MEM_COPY_UTIL": 80}, True),
        ({"DEV_GPU_UTIL": 99, "DEV_MEM_COPY_UTIL": 1}, True),
        ({"PROF_GR_ENGINE_ACTIVE": 0.99, "PROF_PIPE_TENSOR_ACTIVE": 0}, True),
        ({"DEV_GPU_UTIL": 99, "PROF_PIPE_TENSOR_ACTIVE": 0.2, "DEV_MEM_COPY_UTIL": 1}, False),
        ({"DEV_GPU_UTIL": 99, "DEV_MEM_COPY_UTIL": 40}, False),
        ({"DEV_GPU_UTIL": 70, "PROF_PIPE_TENSOR_ACTIVE": 0}, False),
        ({"DEV_GPU_UTIL": 99}, False),
    ],
)
def test_steady_work_without_matrix_arithmetic_looks_like_mining_even_in_a_stage(
    form: str, metrics: dict[str, float], fires: bool, check: Check
) -> None:
    cluster = Cluster(form)
    pod = {"namespace": "ml-training", "pod": "train-1"}
    found = cluster.healthy() | cluster.pod("ml-training", "train-1", "ml-trainer", "gpu-2")
    for metric, value in metrics.items():
        found |= cluster.gpu(metric, always(value), "gpu-2", **pod)
    check(found, 29)
    check(found, 45, *([{"alertname": "GPUMiningPattern", **pod, **SPOT}] if fires else []))


def test_extra_accounts_thresholds_and_disabled_alerts(check: Check, tmp_path: Path) -> None:
    rules = render_rules(
        tmp_path,
        {
            "gpu_alerts_extra_accounts": [
                {"namespace": "notebooks", "service_account": "notebook"},
                {"namespace": "ml-training", "service_account": "ml.tuner"},
            ],
            "gpu_alerts_settings": {
                "UnexpectedGPUUsage": {"busy_percent": 50, "for": "10m"},
                "UnexpectedGPUAllocation": {"enabled": False},
            },
        },
    )
    cluster = Cluster()
    for namespace, account in (("notebooks", "notebook"), ("ml-training", "ml.tuner")):
        check(cluster.healthy() | miner(cluster, namespace, account), 30, of=rules)
    for namespace, account in (("notebooks", "default"), ("ml-training", "ml-tuner"), ("default", "notebook")):
        found = cluster.healthy() | miner(cluster, namespace, account, always(60))
        check(found, 9, of=rules)
        check(found, 30, *unexpected(namespace, "xmr-0", "UnexpectedGPUUsage"), of=rules)


def test_without_any_stage_with_gpus_every_pod_is_unexpected(check: Check, tmp_path: Path) -> None:
    stage = {
        "name": "one",
        "namespace": "one",
        "service_account": {"name": "one"},
        "pods": {},
        "egress": ["dns"],
    }
    rules = render_rules(tmp_path, {"gpu_cluster_stages": [stage]})
    spot = {"Hostname": "gpu-1"}
    check(Cluster().healthy(), 20, *unexpected("ml-training", "train-0", **spot), of=rules)
