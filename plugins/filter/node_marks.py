# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that checks the labels and taints of GPU nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.wanted import read_wanted


def node_marks(labels: object, taints: object = (), type_label: object = "", types: object = None) -> dict[str, Any]:
    """See plugins/filter/node_marks.yml."""
    try:
        wanted = read_wanted(labels, taints, type_label, types or {})
    except HardeningError as error:
        raise AnsibleFilterError(error.message) from None
    return {
        "labels": dict(wanted.labels),
        "taints": [dict(taint) for taint in wanted.taints],
        "type_label": wanted.gpu_type_label,
        "types": dict(wanted.gpu_types),
    }


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """The filters by name."""
        return {"node_marks": node_marks}
