#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action that checks the variables of all roles of a play."""

from __future__ import annotations

DOCUMENTATION = r"""
module: settings
short_description: Check the variables of all roles of a play before the first one changes anything
version_added: 0.1.0
description:
  - Compares the variables of every role of this collection that the play has with what the role documents, and looks
    for variables whose names are nearly those of a variable of some role.
  - Also refuses what YAML has read as something else than was written, such as 1.40, which it reads as 1.4.
  - Everything that is wrong is one message.
  - The role C(cluster) runs it, and every role depends on that one.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
attributes:
  action:
    description: It runs in Ansible's own process and on no host.
    support: full
  check_mode:
    description: Only reads, so it does the same in check mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: N/A
  idempotent:
    description: Only reads.
    support: N/A
options:
  plans:
    description:
      - Names of variables that hold what roles make of their settings. Where all values are valid these are evaluated,
        so that what is wrong with them shows here; one that the play does not have is passed over.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Refuse wrong settings
  gpu_cluster.hardening.settings:
    plans: [__falco_site_rules]
"""

RETURN = r"""
roles:
  description: Roles whose variables were looked at.
  returned: success
  type: list
  elements: str
  sample: [cluster, rbac]
"""
