# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup that says what a run did on a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
name: summary
short_description: What a run did on a cluster, layer by layer
version_added: 0.1.0
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
description:
  - Reads what the roles of the play have registered, and gives a few lines of text. For the last task of a play, also
    where a layer failed.
  - It is a list of lines, or one text where results are shown as YAML (C(callback_result_format)), whichever Ansible
    then shows as lines.
options: {}
"""

EXAMPLES = r"""
- name: Say what this run did
  ansible.builtin.debug:
    msg: "{{ lookup('gpu_cluster.hardening.summary') }}"
"""

RETURN = r"""
_raw:
  description: The lines, as one element.
  type: list
  elements: raw
  sample:
    - ["metal-1: what this run did",
       "LAYER         CREATED  CHANGED  REMOVED  UNCHANGED  WARNINGS",
       "pod_security        3        0        0          0         0"]
"""

from typing import Any

from ansible import constants as C  # noqa: N812 - as everywhere in Ansible
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.run_selection import PREFIX
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.run_summary import asked_for, runs_of, summarise

MODEL = f"{PREFIX}cluster"


class LookupModule(LookupBase):
    """What Ansible looks for in this file."""

    def run(self, terms: list[str], variables: Any = None, **options: Any) -> list[list[str] | str]:
        """See DOCUMENTATION."""
        if terms or options:
            raise AnsibleLookupError("summary takes no arguments")
        names = dict.fromkeys(variables.get("ansible_play_role_names", ()))
        layers = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX) and name != MODEL]
        asked = asked_for(layers, variables.get("ansible_run_tags", ()), variables.get("ansible_skip_tags", ()))
        lines = summarise(
            str(variables.get("inventory_hostname")),
            runs_of(asked, variables, self._templar.template),
            bool(variables.get("ansible_check_mode")),
            self._templar.template(variables.get("__gpu_cluster_found", {}).get("warnings") or []),
        )
        shown_as = C.config.get_config_value("result_format", plugin_type="callback", plugin_name="default")
        return ["\n".join(lines) if shown_as == "yaml" else lines]
