# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that all failures are reported together, that the rest is done or nothing, and that warnings are passed on."""

from __future__ import annotations

import json

from module_runs import ModuleRunner, PlaybookRunner
from sample_manifests import config_map, deployment, namespace_object
from sandbox_access import Kubectl


def test_every_refusal_is_reported_and_nothing_is_changed(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    wanted = [
        config_map(namespace, "fine"),
        config_map(namespace, "Not_Valid"),
        deployment(namespace, "web", replicas=-1),
        config_map(namespace, "label", labels={"team": "not valid"}),
    ]
    failed = run_module.failing("manifests", manifests=wanted)
    assert "nothing was changed" in failed["msg"]
    assert [failure["where"] for failure in failed["failures"]] == ["manifests[1]", "manifests[2]", "manifests[3]"]
    assert {(failure["reason"], bool(failure["message"])) for failure in failed["failures"]} == {("Invalid", True)}
    for part in ("Not_Valid", "spec.replicas", "not valid"):
        assert part in failed["msg"]
    assert kubectl.get("configmap", "fine", namespace) is None


def test_a_refusal_that_no_dry_run_foresees_does_not_keep_the_others_from_being_done(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl
) -> None:
    """A quota counts real objects only, so that a dry run of three passes where there is room for two."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": namespace},
        "spec": {"hard": {"count/secrets": "2"}},
    }
    kubectl("create", stdin=quota)
    jsonpath = "--for=jsonpath={.status.hard.count/secrets}=2"
    kubectl("wait", jsonpath, "resourcequota/few", "-n", namespace, "--timeout=60s")
    wanted = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"s{number}", "namespace": namespace}}
        for number in range(4)
    ]
    failed = run_module.failing("manifests", manifests=[*wanted, config_map(namespace, "fine")], concurrency=1)
    assert failed["counts"] == {"created": 3}
    assert [failure["name"] for failure in failed["failures"]] == ["s2", "s3"]
    assert "exceeded quota" in failed["msg"]
    assert "run again" in failed["msg"]
    assert kubectl.get("configmap", "fine", namespace) is not None
    assert {"s0", "s1"} <= kubectl.names("secret", namespace)


def test_warnings_of_the_server_become_warnings_of_ansible(
    run_module: ModuleRunner, play: PlaybookRunner, namespace: str
) -> None:
    guarded = namespace_object(namespace, **{"pod-security.kubernetes.io/warn": "restricted"})
    run_module("manifests", manifests=[guarded], field_manager="another")
    wanted = [deployment(namespace, "web", 0)]
    for check in (True, False):
        result = run_module("manifests", check=check, manifests=wanted)
        assert len(result["warnings"]) == 1, result["warnings"]
        assert 'would violate PodSecurity "restricted:latest"' in json.dumps(result["warnings"]).replace('\\"', '"')
    wanted[0]["spec"]["template"]["metadata"]["labels"]["new"] = "yes"
    done = play([{"gpu_cluster.hardening.manifests": {"manifests": wanted}}])
    assert done.returncode == 0, done.stdout
    assert "would violate PodSecurity" in done.stderr


def test_an_unchanged_object_repeats_no_warning(run_module: ModuleRunner, namespace: str) -> None:
    guarded = namespace_object(namespace, **{"pod-security.kubernetes.io/warn": "restricted"})
    run_module("manifests", manifests=[guarded], field_manager="another")
    run_module("manifests", manifests=[deployment(namespace, "web", 0)])
    assert "warnings" not in run_module("manifests", manifests=[deployment(namespace, "web", 0)])
