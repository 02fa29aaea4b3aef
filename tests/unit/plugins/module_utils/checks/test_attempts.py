# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is tried on a stage: enough, valid, and only what should be refused there."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.attempts import attempts
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.questions import questions
from good_cluster import STAGES

FIRM = ("image_digests", "image_registries", "secrets", "placement", "rbac")
BY_NAME = {stage["name"]: stage for stage in STAGES}


@pytest.mark.parametrize("policies", [(), FIRM])
@pytest.mark.parametrize("stage", BY_NAME)
def test_at_least_forty_objects_are_tried_in_a_stage_and_one_honest_pod(stage: str, policies: tuple[str, ...]) -> None:
    tried = attempts(BY_NAME[stage], "registry.internal", policies)
    refused = [one for one in tried if one.expected == "refused"]
    assert len(refused) >= 40
    assert [one.what for one in tried if one.expected == "allowed"] == [f"an honest pod in ml-{stage}"]
    assert len({one.what for one in tried}) == len(tried)


def test_no_attempt_changes_another() -> None:
    tried = attempts(BY_NAME["training"], "registry.internal", (*FIRM, "gpu_use"))
    bodies = [str(one.body) for one in tried]
    assert len(set(bodies)) == len(bodies)


def test_what_only_a_stricter_level_or_a_policy_refuses_is_not_tried_without_it() -> None:
    serving = {one.what for one in attempts(BY_NAME["serving"], "registry.internal", ())}
    assert "a container as root in ml-serving" not in serving
    assert "an image by tag in ml-serving" not in serving
    privileged = {**BY_NAME["serving"], "pod_security": {"enforce": "privileged"}}
    assert len(attempts(privileged, "registry.internal", ())) == 1


def test_what_the_inventory_gives_an_account_is_not_asked() -> None:
    rules = [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}]
    asked = {one.what for one in questions(BY_NAME["training"], STAGES)}
    given = {one.what for one in questions({**BY_NAME["training"], "rules": rules}, STAGES)}
    assert asked - given == {"account ml-training/ml-trainer may create jobs in ml-training"}
    assert len(asked) >= 30
