# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the alert rules are made of: the user's variables, checked, as settings and matchers of PromQL. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts import promql
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.rules import read_labels, read_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.settings import read_settings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    dns_label_problem,
    dns_subdomain_problem,
    label_key_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import peers as network_peers

ROLE = "gpu_alerts"
"""Before the name of each variable in messages."""
DAEMON_SETS = {
    "dcgm_exporter_daemon_sets": "DCGMExporterMissingOnGPUNode",
    "device_plugin_daemon_sets": "GPUDevicePluginMissingOnGPUNode",
    "falco_daemon_sets": "FalcoMissingOnGPUNode",
}
"""Variables that name DaemonSets, and the alert that misses them."""
_VARIABLES = {
    "stages": REQUIRED,
    "extra_accounts": (),
    "default_settings": REQUIRED,
    "settings": {},
    "gap": REQUIRED,
    **dict.fromkeys(DAEMON_SETS, REQUIRED),
    "node_taints": (),
    "node_labels": {},
    "labels": {},
    "object_labels": {},
    "extra_rules": (),
    "runbook_url": REQUIRED,
}
_POD_SUFFIX = "-[a-z0-9]{5}"
"""What a DaemonSet puts behind its name to name a pod."""


class AlertError(Exception):
    """The variables are wrong.

    Attributes:
        problems: all that is wrong, one line each, beginning with the variable.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


def alert_inputs(variables: object) -> Json:
    """Check the variables of the role and make them ready for the template of the rules.

    Args:
        variables: those of the role ``gpu_alerts`` without its prefix; ``stages`` are as the filter of this name
            returns them.

    Returns:
        See plugins/filter/gpu_alerts.yml.

    Raises:
        AlertError: with every problem.
    """
    problems: list[str] = []
    root = Entry(ROLE, variables, problems).keys(_VARIABLES)
    given = {name: Entry(f"{ROLE}_{name}", entry.value, problems) for name, entry in root.items() if entry.given}
    if problems:
        raise AlertError(problems)
    settings = read_settings(given["settings"], given["default_settings"].value)
    daemon_sets = {name: _read_objects(given[name], "name") for name in DAEMON_SETS}
    for name, alert in DAEMON_SETS.items():
        if given[name].value in ([], ()) and settings[alert]["enabled"]:
            given[name].refuse(f"names none; without any, disable {alert} in {ROLE}_settings")
    inputs = {
        "settings": settings,
        "gap": _read_gap(given["gap"]),
        **_accounts(given),
        **_daemon_sets(daemon_sets),
        **_nodes(given),
        "labels": _read_alert_labels(given["labels"]),
        "object_labels": network_peers.read_labels(given["object_labels"]),
        "extra_rules": read_rules(given["extra_rules"], settings),
        "runbook_url": _read_url(given["runbook_url"]),
    }
    if problems:
        raise AlertError(problems)
    return inputs


def _accounts(given: dict[str, Entry]) -> Json:
    """Whose pods may use GPUs."""
    accounts: dict[str, set[str]] = {}
    stages = given["stages"].value
    for stage in stages if isinstance(stages, list | tuple) else ():
        if stage["gpu"]:
            accounts.setdefault(stage["namespace"], set()).add(stage["service_account"]["name"])
    for namespace, account in _read_objects(given["extra_accounts"], "service_account"):
        accounts.setdefault(namespace, set()).add(account)
    return {
        "gpu_namespaces": promql.any_of(accounts),
        "foreign_accounts": [
            f"namespace={promql.string(namespace)}, service_account!~{promql.any_of(names)}"
            for namespace, names in sorted(accounts.items())
        ],
    }


def _daemon_sets(found: dict[str, list[tuple[str, str]]]) -> Json:
    exporters = found["dcgm_exporter_daemon_sets"]
    namespaces = promql.any_of(namespace for namespace, _name in exporters)
    names = "|".join(sorted({promql.escape(name) for _namespace, name in exporters}))
    return {
        "exporter_pods": f"namespace=~{namespaces}, pod=~{promql.string(f'({names}){_POD_SUFFIX}')}",
        "daemon_set_names": promql.any_of(name for pairs in found.values() for _namespace, name in pairs),
        "daemon_sets": {
            alert: [
                promql.matchers({"namespace": namespace, "created_by_name": name})
                for namespace, name in found[variable]
            ]
            for variable, alert in DAEMON_SETS.items()
        },
    }


def _nodes(given: dict[str, Entry]) -> Json:
    """What a GPU node looks like to kube-state-metrics: all the taints, or all the labels."""
    keys = [item.keys({"key": REQUIRED, "value": "", "effect": ""})["key"] for item in given["node_taints"].items()]
    for key in keys:
        key.refuse(label_key_problem(key.value) if key.given else None)
    labels = network_peers.read_labels(given["node_labels"])
    return {
        "node_taints": [promql.matchers({"key": str(key.value)}) for key in keys],
        "node_labels": promql.matchers({promql.kube_label(key): value for key, value in labels.items()}),
    }


def _read_objects(entry: Entry, key: str) -> list[tuple[str, str]]:
    """Namespaces and names."""
    found = []
    for item in entry.items():
        keys = item.keys({"namespace": REQUIRED, key: REQUIRED})
        namespace, name = keys["namespace"].text(), keys[key].text()
        keys["namespace"].refuse(dns_label_problem(namespace, "namespace") if keys["namespace"].given else None)
        keys[key].refuse(dns_subdomain_problem(name, key.replace("_", " ")) if keys[key].given else None)
        found.append((namespace, name))
    return found


def _read_gap(entry: Entry) -> str:
    text = entry.text()
    entry.refuse(promql.duration_problem(text, positive=True) if isinstance(entry.value, str) else None)
    return text


def _read_alert_labels(entry: Entry) -> dict[str, str]:
    labels = read_labels(entry)
    for name in ("alertname", "severity"):
        if name in labels:
            entry.refuse(f"{name} is set for each alert by itself")
    return labels


def _read_url(entry: Entry) -> str:
    text = entry.text()
    if isinstance(entry.value, str) and not text.startswith(("https://", "http://")):
        entry.refuse(f"{text!r} is no address of a page; it begins with https://")
    return text
