# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a run which is killed at any moment is healed by the next one: 40 kills, of three kinds of runs."""

from __future__ import annotations

import random
import time
import uuid
from typing import Any

import pytest
from audit_log import AuditLog
from module_runs import ModuleRunner
from sample_manifests import config_map, deployment, secret
from sandbox_access import Kubectl

HOME = "gpu-cluster-hardening"


def names(kubectl: Kubectl, namespace: str) -> set[str]:
    found = kubectl("get", "configmap,secret,deployment", "-n", namespace)["items"]
    return {item["metadata"]["name"] for item in found if "kube-root" not in item["metadata"]["name"]}


@pytest.mark.parametrize(("kind", "kills"), [("apply", 14), ("absent", 13), ("rollback", 13)])
def test_the_next_run_heals_a_killed_one(
    run_module: ModuleRunner, namespace: str, kubectl: Kubectl, audit: AuditLog, kind: str, kills: int
) -> None:
    moments = random.Random(kind)
    layer = {"name": f"crash-{uuid.uuid4().hex[:8]}", "wait_timeout": 60}
    even = [config_map(namespace, f"even-{number}") for number in range(6)] + [deployment(namespace, "web", 0)]
    odd = [config_map(namespace, f"odd-{number}") for number in range(6)] + [secret(namespace, "keys", a="b")]
    runs: dict[str, dict[str, Any]] = {
        "apply": {"module": "layer", "manifests": odd},
        "absent": {"module": "layer", "state": "absent"},
        "rollback": {"module": "layer_rollback"},
    }
    after = {"apply": odd, "absent": [], "rollback": even}[kind]
    began = time.monotonic()
    run_module("layer", **layer, manifests=even)
    duration = time.monotonic() - began
    for _kill in range(kills):
        run_module("layer", **layer, manifests=even)
        if kind == "rollback":
            run_module("layer", **layer, manifests=odd)
        wanted = {key: value for key, value in runs[kind].items() if key != "module"}
        process = run_module.start(runs[kind]["module"], **layer, **wanted)
        time.sleep(moments.uniform(0.1, duration))
        process.kill()
        process.communicate()
        if kind == "rollback":  # which revision is the one before depends on how far the killed run came
            run_module("layer", **layer, manifests=even)
        else:
            run_module("layer", **layer, **wanted)
        assert names(kubectl, namespace) == {body["metadata"]["name"] for body in after}
    audit.mark()
    last = {"manifests": even} if kind == "rollback" else wanted
    assert run_module("layer", **layer, **last)["changed"] is False
    assert audit.requests().writes == []
    run_module("layer", name=layer["name"], state="absent", purge=True)
    assert names(kubectl, namespace) == set()
    assert kubectl.get("configmap", f"layer-{layer['name']}", HOME) is None
