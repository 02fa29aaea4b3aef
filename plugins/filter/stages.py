# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that checks the stages and fills in their defaults."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.model import Network, StageError, validate


def stages(
    value: object,
    endpoints: object = None,
    dns: object = None,
    extra_ingress: object = (),
    extra_egress: object = (),
    scrape: object = None,
    pod_security_version: object = "latest",
) -> list[Json]:
    """See plugins/filter/stages.yml."""
    network = None if endpoints is None else Network(endpoints, dns, extra_ingress, extra_egress, scrape)
    try:
        return validate(value, network, pod_security_version)
    except StageError as error:
        # Without a cause, as Ansible would print the problems a second time.
        raise AnsibleFilterError(join_failures("The stages are wrong", error.problems)) from None


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., list[Json]]]:
        """The filters by name."""
        return {"stages": stages}
