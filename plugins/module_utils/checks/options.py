# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the parameters of the module ``cluster_audit_info`` to what is to be looked at. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.settings import POLICIES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Settings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.waivers import Waiver, read_waivers
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.taints import read_taints
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.model import StageError, validate

NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,99}")


@dataclass(frozen=True)
class Request:
    """What is to be looked at.

    Attributes:
        waivers: those of the site before those that are shipped.
        registries: by name of a stage, one that is approved there.
        policies: by name of a stage, the policies that refuse in it.
    """

    settings: Settings
    waivers: Sequence[Waiver]
    registries: Mapping[str, str]
    policies: Mapping[str, Sequence[str]]


def read_request(params: Mapping[str, Any]) -> Request:
    """Check the parameters, before any request is sent.

    Raises:
        HardeningError: with everything that is wrong.
    """
    problems: list[str] = []
    stages = _stages(params["stages"], problems)
    taints = tuple(read_taints(Entry("taints", params["taints"], problems)))
    if not NAME.fullmatch(params["name"]):
        problems.append(f"name: {params['name']!r} cannot be the name of a file: letters, digits, -, _ and . only")
    for policy in params["refusing_policies"]:
        if policy not in POLICIES:
            problems.append(f"refusing_policies: {policy!r} is none of {', '.join(POLICIES)}")
    if problems:
        raise HardeningError(join_failures("This cannot be verified", problems))
    settings = Settings(
        stages,
        taints,
        params["node_labels"],
        params["confirmed_node_labels"],
        tuple(params["registries"]),
        params["parent_namespace"],
        tuple(params["expected_layers"]),
    )
    refusing, trial = params["refusing_policies"], params["trial_stages"]
    # Policies of the whole cluster are not on trial anywhere.
    everywhere = [policy for policy in refusing if policy == "rbac"]
    own = params["stage_registries"]
    return Request(
        settings,
        [*read_waivers(params["waivers"]), *read_waivers(params["shipped_waivers"], "shipped_waivers")],
        {
            stage["name"]: str(([*(own.get(stage["name"]) or ()), *settings.registries, "registry.invalid"])[0])
            for stage in stages
        },
        {stage["name"]: everywhere if stage["name"] in trial else refusing for stage in stages},
    )


def _stages(stages: Sequence[Any], problems: list[str]) -> list[dict[str, Any]]:
    if not stages:
        return []
    try:
        return validate(stages)
    except StageError as error:
        problems.extend(error.problems)
        return []
