# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves who owns what: conflicts name the other manager, force takes over, existing objects are adopted."""

from __future__ import annotations

from typing import Any

from audit_log import AuditLog
from module_runs import ModuleRunner
from sample_manifests import config_map
from sandbox_access import Kubectl


def apply_as_other(kubectl: Kubectl, manifest: dict[str, Any]) -> None:
    kubectl("apply", "--server-side", "--field-manager=other-team", stdin=manifest)


def managers(kubectl: Kubectl, name: str, namespace: str) -> set[str]:
    return {entry["manager"] for entry in kubectl.get("configmap", name, namespace)["metadata"]["managedFields"]}


def test_a_conflict_names_field_and_owner_and_changes_nothing(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    apply_as_other(kubectl, config_map(namespace, "contested", {"a": "theirs"}))
    audit.mark()
    for check in (True, False):
        failed = run_module.failing(
            "manifests",
            check=check,
            manifests=[config_map(namespace, "bystander"), config_map(namespace, "contested", {"a": "ours"})],
        )
        assert "nothing was changed" in failed["msg"]
        for part in (f"ConfigMap {namespace}/contested", ".data.a", '"other-team"', "force: true"):
            assert part in failed["msg"]
    assert audit.requests().writes == []
    assert kubectl.get("configmap", "bystander", namespace) is None
    assert kubectl.get("configmap", "contested", namespace)["data"] == {"a": "theirs"}


def test_force_takes_the_field_over(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    apply_as_other(kubectl, config_map(namespace, "contested", {"a": "theirs", "b": "theirs"}))
    wanted = [config_map(namespace, "contested", {"a": "ours"})]
    result = run_module("manifests", manifests=wanted, force=True)
    assert result["counts"] == {"configured": 1}
    assert kubectl.get("configmap", "contested", namespace)["data"] == {"a": "ours", "b": "theirs"}
    assert run_module("manifests", manifests=wanted)["changed"] is False


def test_a_value_that_somebody_edited_is_a_conflict_with_the_editor(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    wanted = [config_map(namespace, "one", {"a": "ours"})]
    run_module("manifests", manifests=wanted)
    patch = '{"data": {"a": "edited"}}'
    kubectl("patch", "configmap", "one", "-n", namespace, "--type=merge", "--field-manager=kubectl-edit", "-p", patch)
    assert '"kubectl-edit"' in run_module.failing("manifests", manifests=wanted)["msg"]
    run_module("manifests", manifests=wanted, force=True)
    assert kubectl.get("configmap", "one", namespace)["data"] == {"a": "ours"}


def test_an_object_with_the_same_content_is_adopted_once_and_reported_unchanged(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog
) -> None:
    wanted = config_map(namespace, "theirs", {"a": "1"})
    kubectl("create", stdin=wanted)
    first = run_module("manifests", manifests=[wanted])
    assert (first["changed"], first["counts"], first["diff"]) == (False, {"unchanged": 1}, [])
    assert "gpu_cluster.hardening" in managers(kubectl, "theirs", namespace)
    audit.mark()
    assert run_module("manifests", manifests=[wanted])["changed"] is False
    assert audit.requests().writes == []


def test_check_mode_does_not_adopt(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    wanted = config_map(namespace, "theirs", {"a": "1"})
    kubectl("create", stdin=wanted)
    assert run_module("manifests", check=True, manifests=[wanted])["changed"] is False
    assert "gpu_cluster.hardening" not in managers(kubectl, "theirs", namespace)


def test_two_field_managers_share_an_object(run_module: ModuleRunner, namespace: str, kubectl: Kubectl) -> None:
    run_module("manifests", manifests=[config_map(namespace, "shared", {"a": "1"})])
    run_module("manifests", manifests=[config_map(namespace, "shared", {"b": "2"})], field_manager="second")
    assert run_module("manifests", manifests=[config_map(namespace, "shared", {"a": "1"})])["changed"] is False
    assert kubectl.get("configmap", "shared", namespace)["data"] == {"a": "1", "b": "2"}
