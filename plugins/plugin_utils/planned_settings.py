# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a filter plans the settings of a role: what is wrong fails, what they open is a warning."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

display = Display()


def planned_settings(plan: Callable[[Mapping[str, object]], Json], settings: Mapping[str, object]) -> Json:
    """The plan of these settings, after its ``warnings`` were shown."""
    try:
        planned = plan(settings)
    except HardeningError as error:
        raise AnsibleFilterError(error.message) from None
    warnings = planned["warnings"]
    for text in warnings if isinstance(warnings, list) else ():
        display.warning(text)  # shown once, however often the settings are read
    return planned
