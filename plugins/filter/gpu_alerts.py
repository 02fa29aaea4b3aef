# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that checks the variables of the role gpu_alerts and makes them ready for its template."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.inputs import AlertError, alert_inputs
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import join_failures


def gpu_alerts(value: object) -> Json:
    """See plugins/filter/gpu_alerts.yml."""
    try:
        return alert_inputs(value)
    except AlertError as error:
        # Without a cause, as Ansible would print the problems a second time.
        raise AnsibleFilterError(join_failures("The alerts are wrong", error.problems)) from None


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Json]]:
        """The filters by name."""
        return {"gpu_alerts": gpu_alerts}
