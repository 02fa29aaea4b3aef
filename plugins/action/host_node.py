# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door ``host_node`` in Ansible's own process."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.modules.host_node import DOOR
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.in_process import InProcessAction


class ActionModule(InProcessAction):
    """Runs it here, or its module elsewhere."""

    door = DOOR
