#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that checks Falco rules, and says which of them fire on given events."""

from __future__ import annotations

DOCUMENTATION = r"""
module: falco_rules_info
short_description: Check Falco rules without a Falco
version_added: 0.1.0
description:
  - Reads rule files as Falco does, and fails with the file and line of everything that Falco would refuse.
  - It also finds what Falco does not tell, such as the misspelt name of a list, which Falco takes for a word, so that
    to be "not in" it is always true; a rule that silently takes the place of another; a rule or an exception that no
    event can match.
  - Says which rules fire on recorded events, so that a rule can be tried against an alert of the past.
  - Knows the fields of system-call events and of the container plugin. The fields of other plugins are not checked.
  - It runs where it is called, takes no connection to a cluster and changes nothing.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  rules:
    description: The rule files, in the order in which Falco loads them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the file, for messages.
        type: str
        required: true
      content:
        description: Its text.
        type: str
        required: true
  stock_rules:
    description:
      - Whether Falco loads its own rules (C(falco_rules.yaml)) before O(rules), so that their macros and lists can be
        used and must not be redefined by accident.
      - Set it to V(false) if Falco does not load them, or if they are the first of O(rules).
    type: bool
    default: true
  engine_version:
    description:
      - Version of the engine of the Falco that will load the rules, as C(falco --version) shows it.
      - It is compared with C(required_engine_version) of the files. The fields are those of V(0.62.0).
    type: str
    default: 0.62.0
  events:
    description:
      - Events to try the rules on, as mappings of fields to values, such as the C(output_fields) of an alert in JSON.
        A field that is not there, or null, is missing.
      - All rules are tried, as with C(rule_matching=all).
    type: list
    elements: dict
    default: []
extends_documentation_fragment:
  - gpu_cluster.hardening.attributes.info
"""

EXAMPLES = r"""
- name: Check the rules of a site
  gpu_cluster.hardening.falco_rules_info:
    rules:
      - name: site_rules.yaml
        content: "{{ lookup('ansible.builtin.file', 'site_rules.yaml') }}"

- name: Try them on an event
  gpu_cluster.hardening.falco_rules_info:
    rules:
      - name: site_rules.yaml
        content: "{{ lookup('ansible.builtin.file', 'site_rules.yaml') }}"
    events:
      - evt.type: openat
        evt.is_open_read: true
        fd.name: /dev/nvidia0
        fd.num: 3
        fd.typechar: f
        container.id: b6c865d2e074
        container.image.repository: docker.io/someone/cudatool
  register: tried

- name: Show which rules fire on the first event
  ansible.builtin.debug:
    var: tried.matches[0].rules
"""

RETURN = r"""
rules:
  description: The names of all rules, in the order in which Falco tries them.
  returned: success
  type: list
  elements: str
  sample: [GPU device opened by unapproved image]
matches:
  description: One entry for each of O(events), with the names of the rules that fire on it.
  returned: success
  type: list
  elements: dict
  sample:
    - event: {evt.type: openat, fd.name: /dev/nvidia0}
      rules: [GPU device opened by unapproved image]
findings:
  description: Everything that was found. Errors make the module fail, warnings are shown.
  returned: always
  type: list
  elements: dict
  sample:
    - severity: error
      code: undefined-macro
      file: site_rules.yaml
      line: 12
      column: 5
      rule: Shell in a model server
      message: >-
        rule 'Shell in a model server' uses macro 'spawned_proces', which nothing defines
        (did you mean spawned_process?); define it here or in an earlier file
"""

from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.door import Call, Door, run_as_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.fields import ENGINE_VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import ERROR
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.lint.linter import lint
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import NOTHING_KNOWN
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.stock import STOCK

ARGUMENT_SPEC = {
    "rules": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"name": {"type": "str", "required": True}, "content": {"type": "str", "required": True}},
    },
    "stock_rules": {"type": "bool", "default": True},
    "engine_version": {"type": "str", "default": ENGINE_VERSION},
    "events": {"type": "list", "elements": "dict", "default": []},
}


def work(call: Call) -> tuple[dict[str, Any], list[str]]:
    """Check the rules; the result of the module, and its warnings."""
    params = call.params
    files = [(file["name"], file["content"]) for file in params["rules"]]
    rule_set = load_rules(files, STOCK if params["stock_rules"] else NOTHING_KNOWN)
    found = lint(rule_set, params["engine_version"])
    findings = [finding.as_dict() for finding in found]
    errors = [str(finding) for finding in found if finding.severity == ERROR]
    if errors:
        raise HardeningError(join_failures("Falco rules are wrong", errors), partial={"findings": findings})
    matches = [{"event": event, "rules": list(rules_that_fire(rule_set, event))} for event in params["events"]]
    result = {"changed": False, "rules": list(rule_set.rules), "matches": matches, "findings": findings}
    return result, [str(finding) for finding in found if finding.severity != ERROR]


DOOR = Door(ARGUMENT_SPEC, work)


def main() -> None:
    """Entry point."""
    run_as_module(DOOR)


if __name__ == "__main__":
    main()
