#!/usr/bin/python
# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module that groups Falco's alerts and proposes exceptions for them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: falco_alerts_info
short_description: Group Falco's alerts and propose exceptions
version_added: 0.1.0
description:
  - Reads Falco's alerts, from the logs of its pods or from files, and groups them by rule, image, process and parent.
  - For each group it proposes an exception of the rule that would hold it, in the form of C(falco_exceptions) of the
    role P(gpu_cluster.hardening.falco#role). Nothing is accepted by itself, and nothing is proposed for rules with the
    tag C(ml_certain).
  - Values that look like passwords, tokens or keys are left out of command lines.
  - It changes nothing.
author:
  - The gpu_cluster.hardening authors (@gpu-cluster)
options:
  rules:
    description: The rule files with the exceptions that can be filled.
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
  files:
    description: Files with alerts in JSON, one a line, such as saved logs. With them no cluster is asked.
    type: list
    elements: path
    default: []
  namespace:
    description: Namespace of Falco's pods.
    type: str
    default: falco
  label_selector:
    description: Labels of Falco's pods.
    type: str
    default: app.kubernetes.io/name=falco
  container:
    description: Name of the container whose log is read.
    type: str
    default: falco
  since_seconds:
    description: How old an alert in the logs may be.
    type: int
    default: 604800
  max_bytes_per_pod:
    description: How much of the log of a pod is read. What is left out is warned of.
    type: int
    default: 67108864
extends_documentation_fragment:
  - gpu_cluster.hardening.connection
  - gpu_cluster.hardening.attributes.info
"""

EXAMPLES = r"""
- name: Propose exceptions for what fired in a trial
  gpu_cluster.hardening.falco_alerts_info:
    rules:
      - name: ml_rules.yaml
        content: "{{ lookup('ansible.builtin.file', 'ml_rules.yaml') }}"
  register: found

- name: Keep them to read
  ansible.builtin.copy:
    content: "{{ found.text }}"
    dest: falco-exceptions-proposed.yml
    mode: "0600"
"""

RETURN = r"""
alerts:
  description: How many alerts were read.
  returned: success
  type: int
  sample: 412
groups:
  description: The groups, the one with the most alerts first.
  returned: success
  type: list
  elements: dict
  sample:
    - rule: Shell or Network Tool Started by Python Model Server
      image: registry.internal/model-server
      process: curl
      parent: python3
      count: 288
      first: "2026-11-28T10:00:00.000000000Z"
      last: "2026-11-28T17:00:00.000000000Z"
      example: curl -s http://10.0.0.9/metrics
      exception: image_and_command
      values: [[registry.internal/model-server, "curl -s http://10.0.0.9/metrics"]]
      reason: ""
exceptions:
  description: All that is proposed, in the form of C(falco_exceptions).
  returned: success
  type: list
  elements: dict
  sample:
    - rule: Shell or Network Tool Started by Python Model Server
      name: image_and_command
      values: [[registry.internal/model-server, "curl -s http://10.0.0.9/metrics"]]
profiles:
  description:
    - What serving images did, in the form of C(falco_image_profiles), from the rules of a trial. Folders and networks
      are made few.
  returned: success
  type: list
  elements: dict
  sample:
    - image: registry.internal/model-server
      programs: [python3]
      listening_ports: [8000]
      parents: [containerd-shim]
      written_folders: [/root/.cache/vllm, /tmp]
      networks: [10.96.0.0/24]
text:
  description: All that is proposed as YAML with a comment for each group, for people to take lines from.
  returned: success
  type: str
  sample: "---\nfalco_exceptions: []\n"
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import connect
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.connection import CONNECTION_OPTIONS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.module_exit import fail, succeed
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.alerts import read_alerts
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.pod_logs import Wanted, read_pod_logs
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.profiles import TRIAL, profiles_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.stock import STOCK
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.tuning import falco_exceptions, group_alerts
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.tuning_text import proposals_text

ARGUMENT_SPEC = {
    "rules": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"name": {"type": "str", "required": True}, "content": {"type": "str", "required": True}},
    },
    "files": {"type": "list", "elements": "path", "default": []},
    "namespace": {"type": "str", "default": "falco"},
    "label_selector": {"type": "str", "default": "app.kubernetes.io/name=falco"},
    "container": {"type": "str", "default": "falco"},
    "since_seconds": {"type": "int", "default": 604800},
    "max_bytes_per_pod": {"type": "int", "default": 64 << 20},
    **CONNECTION_OPTIONS,
}


def run(params: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The result of the module, and its warnings."""
    rule_set = load_rules([(file["name"], file["content"]) for file in params["rules"]], STOCK)
    warnings: list[str] = []
    lines = _of_files(params["files"]) if params["files"] else _of_pods(params, warnings)
    alerts, broken = read_alerts(lines)
    if broken:
        warnings.append(f"{broken} lines look like alerts and are no JSON; they are left out.")
    groups = group_alerts([alert for alert in alerts if TRIAL not in alert.tags], rule_set.rules)
    profiles = profiles_of(alerts)
    result = {
        "changed": False,
        "alerts": len(alerts),
        "groups": [group.as_dict() for group in groups],
        "exceptions": falco_exceptions(groups),
        "profiles": profiles,
        "text": proposals_text(groups, profiles),
    }
    return result, warnings


def _of_files(paths: list[str]) -> Iterator[str]:
    for path in paths:
        try:
            with Path(path).open(encoding="utf-8", errors="replace") as file:
                yield from file
        except OSError as error:
            raise HardeningError(f"{path} cannot be read: {error.strerror}") from error


def _of_pods(params: dict[str, Any], warnings: list[str]) -> Iterator[str]:
    for key in ("since_seconds", "max_bytes_per_pod"):
        if params[key] < 1:
            raise HardeningError(f"{key} must be 1 or more, not {params[key]}")
    wanted = Wanted(
        params["namespace"],
        params["label_selector"],
        params["container"],
        params["since_seconds"],
        params["max_bytes_per_pod"],
    )
    logs = read_pod_logs(connect(params), wanted)
    if not logs:
        raise HardeningError(
            f"No pod in namespace {wanted.namespace} has the labels {wanted.selector}. Run the role falco, or name"
            " files with alerts."
        )
    unread = [f"{log.pod} ({log.problem})" for log in logs if log.problem]
    if unread:
        warnings.append(f"{len(unread)} of {len(logs)} logs could not be read: {name_some(unread)}.")
    cut = [log.pod for log in logs if log.cut]
    if cut:
        warnings.append(f"{len(cut)} of {len(logs)} logs are longer than max_bytes_per_pod: {name_some(cut)}.")
    return (line for log in logs for line in log.lines)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result, warnings = run(module.params)
    except HardeningError as error:
        fail(module, error)
    succeed(module, result, warnings)


if __name__ == "__main__":
    main()
