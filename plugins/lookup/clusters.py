# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup that names the group of the clusters, or of their machines, where there is something to do."""

from __future__ import annotations

DOCUMENTATION = r"""
name: clusters
short_description: The group of the clusters or of their machines, or why a run would do nothing
version_added: 0.1.0
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
description:
  - For C(hosts) of a play. Gives C(gpu_clusters), and fails where the inventory has no host in that group, where
    C(--limit) leaves none, and where C(--tags) or C(--skip-tags) name a tag that no task has. Ansible by itself ends
    all of these runs well.
  - It costs no task. Where also playbooks of others are run, whose tags it cannot know, it only warns of tags that
    look like one of ours. C(--syntax-check) and listings need no inventory.
  - Machines belong to clusters, so an inventory that has no cluster is wrong for them, too.
options:
  _terms:
    description: The group, where it is not that of the clusters.
    type: list
    elements: str
    choices: [gpu_clusters, gpu_hosts]
  optional:
    description: Whether a run goes on without a host of the group. It then gets a pattern that matches none.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Look at the clusters
  hosts: "{{ lookup('gpu_cluster.hardening.clusters') }}"

- name: Look at the machines
  hosts: "{{ lookup('gpu_cluster.hardening.clusters', 'gpu_hosts') }}"
"""

RETURN = r"""
_raw:
  description: The name of the group.
  type: list
  elements: str
  sample: [gpu_clusters]
"""

from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.run_selection import (
    GROUP,
    NOUNS,
    SPECIAL_TAGS,
    lacking_hosts,
    read_playbooks,
    unknown_tags,
)

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
NOBODY = "all:!all"
LOOKS_ONLY = ("syntax", "listhosts", "listtasks", "listtags")

display = Display()


class LookupModule(LookupBase):
    """What Ansible looks for in this file."""

    def run(self, terms: list[str], variables: Any = None, **options: Any) -> list[str]:
        """See DOCUMENTATION."""
        self.set_options(var_options=variables, direct=options)
        group = terms[0] if terms else GROUP
        if len(terms) > 1 or group not in NOUNS:
            raise AnsibleLookupError(f"clusters takes one of {', '.join(NOUNS)}")
        if self.get_option("optional") and not (variables or {}).get("groups", {}).get(group):
            return [NOBODY]
        if not any(context.CLIARGS.get(name) for name in LOOKS_ONLY):
            self._require_something_to_do(variables or {}, group, self.get_option("optional"))
        return [group]

    def _require_something_to_do(self, variables: Any, group: str, optional: bool) -> None:
        asked = {*(variables.get("ansible_run_tags") or ()), *(variables.get("ansible_skip_tags") or ())}
        if asked - SPECIAL_TAGS:
            playbooks = read_playbooks(context.CLIARGS.get("args") or (), PLAYBOOKS)
            if problem := unknown_tags(asked, playbooks.tags):
                if playbooks.alone:
                    raise AnsibleLookupError(problem)
                if "did you mean" in problem:
                    display.warning(problem)
        groups = variables.get("groups") or {}
        where = variables.get("ansible_inventory_sources") or (), variables.get("ansible_limit")
        problem = "" if groups.get(GROUP) else lacking_hosts(groups, (), *where)
        if not problem and not optional:
            problem = lacking_hosts(groups, variables.get("ansible_play_hosts_all") or (), *where, group)
        if problem:
            raise AnsibleLookupError(problem)
