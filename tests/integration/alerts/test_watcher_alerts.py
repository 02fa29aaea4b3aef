# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the alerts on GPU nodes and their watchers, on memory and on XIDs fire, and when not, by promtool."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from alerts.cluster_series import FORMS, Cluster, Series, always, without
from alerts.conftest import Check

every_form = pytest.mark.parametrize("form", FORMS)
WATCHERS = [
    ("DCGMExporterMissingOnGPUNode", "dcgm-exporter", "dcgm-exporter"),
    ("GPUDevicePluginMissingOnGPUNode", "nvidia-device-plugin", "nvidia-device-plugin"),
    ("FalcoMissingOnGPUNode", "falco", "falco"),
]
ABSENT = {"alertname": "GPUMetricsAbsent"}


def lost(found: Series, name: str, node: str = "gpu-2") -> Series:
    """The cluster without one pod of a DaemonSet, and without what the exporter on that node would tell."""
    gone = without(found, f"{name}-{node[-1] * 5}")
    return without(gone, f'Hostname="{node}"') if name == "dcgm-exporter" else gone


@every_form
@pytest.mark.parametrize(("alert", "namespace", "name"), WATCHERS)
def test_a_gpu_node_without_a_watcher(form: str, alert: str, namespace: str, name: str, check: Check) -> None:
    found = lost(Cluster(form).healthy(), name)
    check(found, 14)
    check(found, 30, {"alertname": alert, "node": "gpu-2"})


@every_form
@pytest.mark.parametrize(("alert", "namespace", "name"), WATCHERS)
def test_a_pod_that_is_not_ready_does_not_watch(form: str, alert: str, namespace: str, name: str, check: Check) -> None:
    cluster = Cluster(form)
    pod = {"namespace": namespace, "pod": f"{name}-22222"}
    found = without(cluster.healthy(), 'Hostname="gpu-2"')
    found |= cluster.kube("kube_pod_status_ready", always(0), **pod, condition="true")
    check(found, 30, {"alertname": alert, "node": "gpu-2"})


@pytest.mark.parametrize(("alert", "namespace", "name"), WATCHERS)
@pytest.mark.parametrize(
    ("reason", "values"),
    [("it joined a moment ago", f"_x20 {always(1)}"), ("it restarts its pods", f"1+0x20 0+0x10 {always(1)}")],
)
def test_what_passes_is_no_alert(alert: str, namespace: str, name: str, reason: str, values: str, check: Check) -> None:
    cluster = Cluster()
    pod = {"namespace": namespace, "pod": f"{name}-22222"}
    found = cluster.healthy() | cluster.kube("kube_pod_status_ready", values, **pod, condition="true")
    if "joined" in reason:
        found = {
            name: f"_x20 {series}" if 'node="gpu-2"' in name and "_node_" in name else series
            for name, series in found.items()
        }
    check(without(found, 'Hostname="gpu-2"') if name == "dcgm-exporter" else found, 32)


@every_form
@pytest.mark.parametrize(("alert", "namespace", "name"), WATCHERS)
def test_a_missed_scrape_ends_no_alert(form: str, alert: str, namespace: str, name: str, check: Check) -> None:
    found = lost(Cluster(form).healthy(), name)
    gaps = {name: values.replace("+0x90", "+0x24 stale " + values) for name, values in found.items() if "kube_" in name}
    for minute in (25, 28):
        check(found | gaps, minute, {"alertname": alert, "node": "gpu-2"})


@every_form
def test_a_node_that_is_not_ready_is_somebody_elses_alert(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = without(cluster.healthy(), "-22222", 'Hostname="gpu-2"')
    down = cluster.kube("kube_node_status_condition", always(0), node="gpu-2", condition="Ready", status="true")
    check(found | down, 60)


@every_form
@pytest.mark.parametrize(
    ("name", "namespace", "other"),
    [
        ("dcgm-exporter", "gpu-operator", "nvidia-dcgm-exporter"),
        ("dcgm-exporter", "nvidia-gpu-operator", "nvidia-dcgm-exporter"),
        ("nvidia-device-plugin", "gpu-operator", "nvidia-device-plugin-daemonset"),
        ("nvidia-device-plugin", "kube-system", "nvidia-device-plugin-daemonset"),
    ],
)
def test_another_install_counts(form: str, name: str, namespace: str, other: str, check: Check) -> None:
    cluster = Cluster(form)
    check(lost(cluster.healthy(), name) | cluster.daemon(namespace, other, "gpu-2"), 60)


@every_form
def test_a_pod_that_only_has_the_name_does_not_count(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = lost(cluster.healthy(), "falco") | cluster.daemon("default", "falco", "gpu-2")
    check(found, 60, {"alertname": "FalcoMissingOnGPUNode", "node": "gpu-2"})


@every_form
def test_metrics_prove_an_exporter_of_any_name(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = lost(cluster.healthy(), "dcgm-exporter")
    check(found | cluster.gpu("DEV_GPU_UTIL", always(0), "gpu-2", "another-name-22222", gpu="7"), 60)


def taint_only(cluster: Cluster) -> Series:
    return cluster.kube("kube_node_spec_taint", node="gpu-3", key="nvidia.com/gpu", effect="NoSchedule")


def labels_only(cluster: Cluster) -> Series:
    label = {"label_node_type": "gpu", "label_node_restriction_kubernetes_io_node_type": "gpu"}
    return cluster.kube("kube_node_labels", node="gpu-3", **label)


def allocatable_only(cluster: Cluster) -> Series:
    return cluster.kube("kube_node_status_allocatable", always(8), node="gpu-3", resource="nvidia_com_gpu")


def mig_only(cluster: Cluster) -> Series:
    return cluster.kube("kube_node_status_capacity", always(7), node="gpu-3", resource="nvidia_com_mig_1g_10gb")


@every_form
@pytest.mark.parametrize("node", [taint_only, labels_only, allocatable_only, mig_only])
def test_a_gpu_node_is_known_by_any_of_its_signs(form: str, node: Callable[[Cluster], Series], check: Check) -> None:
    cluster = Cluster(form)
    gone = cluster.kube("kube_node_status_capacity", always(0), node="gpu-3", resource="nvidia_com_gpu")
    expected = [{"alertname": alert, "node": "gpu-3"} for alert, _namespace, _name in WATCHERS]
    check(cluster.healthy() | gone | node(cluster), 30, *expected)


@every_form
def test_other_taints_and_labels_make_no_gpu_node(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | cluster.node("cpu-2", gpus=0, taint="dedicated")
    check(found | cluster.kube("kube_node_labels", node="cpu-2", label_node_type="cpu"), 60)


@every_form
def test_nothing_is_missing_while_nobody_knows_the_pods(form: str, check: Check) -> None:
    found = without(Cluster(form).healthy(), "kube_pod_info")
    check(found, 60, {"alertname": "GPUPodAccountsUnknown"})


@every_form
@pytest.mark.parametrize("metric", ["kube_pod_service_account", "kube_pod_info", "kube_pod_status_ready"])
def test_each_metric_of_kube_state_metrics_that_is_needed_is_missed(form: str, metric: str, check: Check) -> None:
    found = without(Cluster(form).healthy(), metric)
    check(found, 14)
    check(found, 60, {"alertname": "GPUPodAccountsUnknown"})


@every_form
def test_no_metrics_at_all(form: str, check: Check) -> None:
    found = without(Cluster(form).healthy(), "DCGM_FI_")
    check(found, 14)
    check(found, 30, ABSENT)
    check({}, 30, ABSENT)


@every_form
def test_no_metrics_and_no_gpu_node_is_fine(form: str, check: Check) -> None:
    check(Cluster(form).node("cpu-1", gpus=0, taint=""), 60)


@every_form
@pytest.mark.parametrize(("used", "free", "fires"), [(79000, 1000, True), (70000, 10000, False), (0, 0, False)])
def test_memory_that_is_all_in_use(form: str, used: float, free: float, fires: bool, check: Check) -> None:
    cluster = Cluster(form)
    pod = {"namespace": "ml-serving", "pod": "model-0", "GPU_I_ID": "3"}
    found = cluster.healthy() | cluster.gpu("DEV_FB_USED", always(used), "gpu-2", **pod)
    found |= cluster.gpu("DEV_FB_FREE", always(free), "gpu-2", **pod)
    check(found, 9)
    alert = {"alertname": "GPUMemoryExhaustion", "Hostname": "gpu-2", "gpu": "0", "GPU_I_ID": "3"}
    check(found, 15, *([alert] if fires else []))


def xid(number: str) -> dict[str, str]:
    return {"alertname": "GPUXidErrors", "Hostname": "gpu-2", "gpu": "0", "xid": number}


@every_form
def test_an_xid_is_reported_for_half_an_hour_although_the_metric_keeps_it(form: str, check: Check) -> None:
    cluster = Cluster(form)
    pod = {"namespace": "ml-training", "pod": "train-1"}
    found = cluster.healthy() | cluster.gpu("DEV_XID_ERRORS", f"0+0x10 {always(79)}", "gpu-2", **pod)
    check(found, 11)
    check(found, 13, xid("79"))
    check(found, 38, xid("79"))
    check(found, 50)


@every_form
def test_the_next_xid_is_reported_too(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | cluster.gpu("DEV_XID_ERRORS", f"0+0x5 31+0x44 {always(48)}", "gpu-2", err_code="31")
    check(found, 45)
    check(found, 53, xid("48"))


@every_form
def test_a_gap_does_not_make_an_old_xid_new(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | cluster.gpu("DEV_XID_ERRORS", f"0+0x2 79+0x10 stale _x3 {always(79)}", "gpu-2")
    for minute in (45, 47, 49, 55):
        check(found, minute)


@every_form
def test_the_clean_up_after_a_killed_process_is_no_error(form: str, check: Check) -> None:
    cluster = Cluster(form)
    check(cluster.healthy() | cluster.gpu("DEV_XID_ERRORS", f"0+0x10 {always(45)}", "gpu-2"), 15)


@every_form
def test_the_same_xid_again_is_seen_where_the_exporter_counts(form: str, check: Check) -> None:
    cluster = Cluster(form)
    found = cluster.healthy() | cluster.gpu("DEV_XID_ERRORS", always(31), "gpu-2")
    counts = cluster.gpu("X", f"0+0x50 {always(2)}", "gpu-2", xid="31")
    found |= {name.replace("DCGM_FI_X", "DCGM_EXP_XID_ERRORS_COUNT"): values for name, values in counts.items()}
    check(found, 45)
    check(found, 55, xid("31"))
