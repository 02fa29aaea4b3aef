# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of the admission policies: three stages of their own, and policies that deny in all of them."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from pod_objects import STAGES, STRICT, Json
from policy_canaries import CANARIES, wait_for_settings
from role_runs import RoleRunner
from sandbox_access import Kubectl, Sandbox

OF_STANDARD = ("image_digests", "image_registries", "secrets", "placement")


class Policies:
    """Runs the role ``admission_policies`` and waits until the API server acts on what it applied."""

    stages = STAGES

    def __init__(self, roles: RoleRunner, kubectl: Kubectl) -> None:
        self.roles = roles
        self.kubectl = kubectl

    def apply(self, **settings: Any) -> None:
        """Apply STRICT with these changes. An exemption of an unguessable name proves that they are in force."""
        wanted = {**STRICT, **settings}
        policies = {policy for policy in CANARIES if wanted.get(f"admission_policies_{policy}_actions")}
        denying = {policy for policy in policies if "Deny" in wanted[f"admission_policies_{policy}_actions"]}
        trial = "training" in wanted["admission_policies_trial_stages"]
        self._apply(wanted, policies, set() if trial else denying)

    def profile(self, name: str, **settings: Any) -> None:
        """Apply what a profile sets by itself."""
        denying = {"audit": set(), "standard": set(OF_STANDARD), "strict": set(CANARIES)}[name]
        self._apply({"gpu_cluster_stages": STAGES, "gpu_cluster_profile": name, **settings}, set(CANARIES), denying)

    def _apply(self, wanted: dict[str, Any], policies: set[str], denying: set[str]) -> None:
        nonce = uuid.uuid4().hex[:8]
        passes = [
            {
                "policy": policy,
                "namespace": "adm-training",
                "name": f"canary-{nonce}",
                "reason": "shows what is in force",
            }
            for policy in sorted(policies)
        ]
        exemptions = [*wanted.pop("admission_policies_exemptions", []), *passes]
        self.roles("admission_policies", admission_policies_exemptions=exemptions, **wanted)
        wait_for_settings(self.kubectl, nonce, denying)


@pytest.fixture(scope="module")
def policies(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Policies]:
    """The role, and the namespaces and accounts of the stages; all is taken away at the end."""
    runner = RoleRunner(tmp_path_factory.mktemp("admission"), sandbox.kubeconfig)
    for role in ("pod_security", "rbac"):
        runner(role, gpu_cluster_stages=STAGES)
    yield Policies(runner, sandbox.kubectl)
    runner("admission_policies", admission_policies_state="absent", **STRICT)
    sandbox.kubectl("delete", "namespace", *(stage["namespace"] for stage in STAGES))


@pytest.fixture(scope="module")
def strict(policies: Policies) -> Policies:
    """Every policy denies in every stage."""
    policies.apply()
    return policies


@pytest.fixture
def made(kubectl: Kubectl) -> Iterator[list[Json]]:
    """Objects that a test makes and wants to be gone afterwards."""
    objects: list[Json] = []
    yield objects
    for item in objects:
        place = ["-n", item["metadata"]["namespace"]] if "namespace" in item["metadata"] else []
        kubectl("delete", item["kind"], item["metadata"]["name"], *place, "--wait=false", "--ignore-not-found")
