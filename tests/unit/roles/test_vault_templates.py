# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which grants the role vault asks for, from the stages that a user wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

STAGE = {"service_account": {"name": "a"}, "pods": {}, "egress": ["dns"]}
TOKEN = {"path": "ml/registry", "property": "token"}
EVALUATION = {
    **STAGE,
    "name": "evaluation",
    "namespace": "ml-evaluation",
    "secrets": [
        {"name": "one", "data": {"a": {"path": "ml/signing"}, "b": TOKEN}},
        {"name": "two", "data": {"c": {**TOKEN, "property": "user"}}},
    ],
}
CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "two_secrets": {"vault_stages": [EVALUATION, {**STAGE, "name": "bare", "namespace": "ml-bare"}]},
    "none": {"vault_stages": [{**STAGE, "name": "bare", "namespace": "ml-bare"}]},
}


@pytest.fixture(scope="module")
def grants(render_role: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The grants by case; a file without a document has none."""
    return {case: (rendered["grants"] or [[]])[0] for case, rendered in render_role("vault", CASES).items()}


def test_a_stage_gets_the_paths_of_all_its_secrets_each_once_and_a_stage_without_secrets_nothing(
    grants: dict[str, Any],
) -> None:
    assert grants == {
        "default": [
            {"stage": "serving", "namespace": "ml-serving", "paths": ["ml/model-registry", "ml/model-signing"]}
        ],
        "two_secrets": [{"stage": "evaluation", "namespace": "ml-evaluation", "paths": ["ml/registry", "ml/signing"]}],
        "none": [],
    }
