# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that turns stages and settings into what the templates of the admission policies print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.plan import Plan, plan_admission
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError


def admission(stages: object, **settings: Any) -> Plan:
    """See plugins/filter/admission.yml."""
    try:
        return plan_admission(stages, settings)
    except HardeningError as error:
        # Without a cause, as Ansible would print the problems a second time.
        raise AnsibleFilterError(error.message) from None


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Plan]]:
        """The filters by name."""
        return {"admission": admission}
