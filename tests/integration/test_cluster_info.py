# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the module knows what a real API server serves, and insists only on what is required."""

from __future__ import annotations

from audit_log import AuditLog
from module_runs import ModuleRunner

SERVED = {"api_version": "apps/v1", "kind": "DaemonSet"}
UNSERVED = {"api_version": "monitoring.example.com/v1", "kind": "ServiceMonitor"}


def test_it_says_which_kinds_are_served(run_module: ModuleRunner) -> None:
    result = run_module("cluster_info", kinds=[SERVED, {**UNSERVED, "required": False}])
    assert result["served"] == [{**SERVED, "served": True}, {**UNSERVED, "served": False}]


def test_a_kind_is_required_unless_said_otherwise(run_module: ModuleRunner) -> None:
    result = run_module.failing("cluster_info", kinds=[SERVED, UNSERVED])
    assert "does not serve ServiceMonitor (monitoring.example.com/v1)" in result["msg"]


def test_a_default_deny_without_dns_is_refused_and_the_rest_is_remarked_on(
    run_module: ModuleRunner, audit: AuditLog
) -> None:
    """The sandbox has DNS, and nobody who enforces policies."""
    dns = {"namespace": "kube-system", "pods": {"k8s-app": "kube-dns"}, "ports": []}
    stage = {"name": "a", "namespace": "a", "egress": ["dns", {"cidr": "10.0.0.0/8"}]}
    asked = {"layers": ["network_policies"], "stages": [stage], "dns": dns}
    audit.mark()
    result = run_module("cluster_info", survey=asked)
    assert [remark["name"] for remark in result["remarks"]] == ["policies", "networks"]
    assert "10.96.0.1/32" in str(result["remarks"])
    looked = [(request.verb, request.resource) for request in audit.requests().all if request.resource]
    assert sorted(looked) == [("get", "services"), ("list", "daemonsets"), ("list", "nodes"), ("list", "pods")]
    other = {**asked, "dns": {**dns, "pods": {"app.kubernetes.io/name": "coredns"}}}
    assert "gpu_cluster_dns selects no pod" in run_module.failing("cluster_info", survey=other)["msg"]
    accepted = run_module("cluster_info", survey=other, accepted_remarks=["dns", "policies", "networks"])
    assert accepted["remarks"] == []


def test_a_certificate_that_nobody_checks_is_remarked_on(run_module: ModuleRunner) -> None:
    assert run_module("cluster_info")["remarks"] == []
    assert [remark["name"] for remark in run_module("cluster_info", validate_certs=False)["remarks"]] == ["certificate"]
