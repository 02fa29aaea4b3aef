# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that plans a part of a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts import (
    audit,
    control_plane,
    driver,
    firewall,
    kubelet,
    toolkit,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.plan import HostPlan, as_variables
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.planned_settings import planned_settings

PARTS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], HostPlan]] = {
    "container_toolkit": toolkit.plan,
    "kubelet": kubelet.plan,
    "driver": lambda facts, settings: driver.plan(_with_versions(facts), settings),
    "control_plane": lambda facts, settings: control_plane.plan(facts["control_plane_part"], settings),
    "firewall": lambda facts, settings: firewall.plan(facts["firewall_part"], settings),
    "audit": lambda facts, settings: audit.plan(facts["audit_part"], settings),
}


def _with_versions(facts: Mapping[str, Any]) -> dict[str, Any]:
    versions = {"driver": facts["driver"]["version"], "dcgm": facts["dcgm"]}
    return {**facts["driver_part"], "name": facts["name"], "versions": versions}


def host_plan(facts: Mapping[str, Any], part: str, settings: Mapping[str, Any], state: str = "present") -> Any:
    """See plugins/filter/host_plan.yml."""
    if state == "absent":
        return as_variables(HostPlan())
    if part not in PARTS:
        raise AnsibleFilterError(f"{part!r} is no part of a machine (known: {', '.join(PARTS)})")
    return planned_settings(lambda given: dict(as_variables(PARTS[part](facts, given))), settings)


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"host_plan": host_plan}
