# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the alerts on what Falco counts fire, and when not, by promtool."""

from __future__ import annotations

import pytest
from alerts.cluster_series import FORMS, Cluster, Series, always
from alerts.conftest import Check

POD = 'namespace="falco", pod="falco-22222", job="falco"'
CRITICAL = {"alertname": "FalcoCriticalEvent", "namespace": "falco", "pod": "falco-22222", "node": "gpu-2"}
LOST = {"alertname": "FalcoEventsLost", "namespace": "falco", "pod": "falco-22222"}


def matches(values: str, priority: int = 2) -> Series:
    labels = f'{{{POD}, priority="{priority}", rule_name="Crypto Miner Started in Container", source="syscall"}}'
    return {f"falcosecurity_falco_rules_matches_total{labels}": values}


def events(lost: str) -> Series:
    return {
        f"falcosecurity_scap_n_drops_total{{{POD}}}": lost,
        f"falcosecurity_scap_n_evts_total{{{POD}}}": "0+100000x90",
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_critical_event_is_told_with_its_node_for_ten_minutes(form: str, check: Check) -> None:
    found = Cluster(form).healthy() | matches("_x20 1+0x70")
    check(found, 18)
    check(found, 25, CRITICAL)
    check(found, 40)


def test_another_match_is_told_again(check: Check) -> None:
    found = Cluster().healthy() | matches("3+0x40 4+0x49")
    check(found, 39)
    check(found, 45, CRITICAL)


def test_without_kube_state_metrics_the_pod_is_told(check: Check) -> None:
    found = {name: values for name, values in Cluster().healthy().items() if not name.startswith("kube_pod_info")}
    (told,) = [{key: value for key, value in CRITICAL.items() if key != "node"}]
    unknown = {"alertname": "GPUPodAccountsUnknown"}
    check(found | matches("_x38 1+0x50"), 40, told, unknown)


def test_what_is_not_critical_is_not_told(check: Check) -> None:
    check(Cluster().healthy() | matches("_x20 1+1x70", priority=4), 30)
    check(Cluster().healthy() | matches(always(7)), 60)


def test_lost_events_are_told_when_they_are_more_than_a_few(check: Check) -> None:
    check(Cluster().healthy() | events("0+5000x90"), 60, LOST)
    check(Cluster().healthy() | events("0+100x90"), 60)
    check(Cluster().healthy() | events("70+0x90"), 60)
