# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that turns what a site says of its images, hosts and networks into a Falco rules file."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.site import Item, site_rules


def falco_site_rules(value: object) -> list[Item]:
    """See plugins/filter/falco_site_rules.yml."""
    try:
        return site_rules(value)
    except HardeningError as error:
        raise AnsibleFilterError(error.message) from None


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., list[Item]]]:
        """The filters by name."""
        return {"falco_site_rules": falco_site_rules}
