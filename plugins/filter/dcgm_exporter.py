# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that checks the settings of dcgm-exporter and says what they open."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.dcgm_exporter import plan
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.planned_settings import planned_settings


def dcgm_exporter(settings: Mapping[str, object]) -> Json:
    """See plugins/filter/dcgm_exporter.yml."""
    return planned_settings(plan, settings)


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Json]]:
        """The filters by name."""
        return {"dcgm_exporter": dcgm_exporter}
