# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the parameters of the module ``cluster_survey_info`` to its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Settings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.look import Asked, ask, find_out, take
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.sections import obstacles, sections
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.summary import facts, lines
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.taints import read_taints
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.model import StageError, validate


def work_survey(call: Call) -> tuple[dict[str, Any], list[str]]:
    """Look at a cluster, and say what an inventory for it should have.

    Raises:
        HardeningError: something is wrong with the parameters, or the cluster cannot be read.
    """
    params = call.params
    settings = _settings(params)
    client = None if params["folder"] else connect(params)
    snapshot = take(client, Path(params["folder"]) if params["folder"] else None, settings.parent_namespace)
    asked = ask(client, snapshot, settings.stages) if client else Asked()
    found = find_out(snapshot, asked, settings)
    return {
        "changed": False,
        "found": facts(found),
        "sections": [section.facts() for section in sections(found, settings.taints)],
        "lines": lines(found),
    }, obstacles(found)


def _settings(params: Any) -> Settings:
    problems: list[str] = []
    stages = []
    try:
        stages = validate(params["stages"]) if params["stages"] else []
    except StageError as error:
        problems.extend(error.problems)
    taints = tuple(read_taints(Entry("taints", params["taints"], problems)))
    if problems:
        raise HardeningError(join_failures("This cannot be looked for", problems))
    return Settings(
        stages,
        taints,
        params["node_labels"],
        params["confirmed_node_labels"],
        parent_namespace=params["parent_namespace"],
    )
