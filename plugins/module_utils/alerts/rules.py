# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of Prometheus that a user adds. No I/O.

Source: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.promql import (
    LABEL_NAME,
    METRIC_NAME,
    duration_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.promql_syntax import expression_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.alerts.rule_templates import template_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, REQUIRED, Entry

_RULE = {
    "alert": OPTIONAL,
    "record": OPTIONAL,
    "expr": REQUIRED,
    "for": OPTIONAL,
    "keep_firing_for": OPTIONAL,
    "labels": OPTIONAL,
    "annotations": OPTIONAL,
}
_ONLY_ALERTS = ("for", "keep_firing_for", "annotations")


def read_rules(entry: Entry, taken: Collection[str]) -> list[Json]:
    """Rules, checked with their PromQL and templates. ``taken`` are names of alerts that are there already."""
    return [_read_rule(item, taken) for item in entry.items()]


def read_labels(entry: Entry) -> dict[str, str]:
    """Labels of an alert."""
    labels = entry.strings()
    for name in labels:
        if not LABEL_NAME.fullmatch(name) or name.startswith("__"):
            entry.refuse(f"{name!r} is no name of a label; use A-Z a-z 0-9 and _, and no __ in front")
    return labels


def _read_rule(entry: Entry, taken: Collection[str]) -> Json:
    keys = entry.keys(_RULE)
    if not isinstance(entry.value, dict):
        return {}
    kinds = [kind for kind in ("alert", "record") if keys[kind].given]
    if len(kinds) != 1:
        entry.refuse("must have either alert or record")
    rule: Json = {kind: keys[kind].text() for kind in kinds}
    if rule.get("alert") in taken:
        keys["alert"].refuse(f"{rule['alert']} is an alert of this role; change it in gpu_alerts_settings")
    if "record" in rule and not METRIC_NAME.fullmatch(str(rule["record"])):
        keys["record"].refuse(f"{rule['record']!r} is no name of a metric")
    rule["expr"] = keys["expr"].text()
    if isinstance(keys["expr"].value, str):
        text = str(rule["expr"])
        keys["expr"].refuse(expression_problem(text) if text.strip() else "is empty")
    for name in ("for", "keep_firing_for"):
        if keys[name].given:
            rule[name] = keys[name].text()
            keys[name].refuse(duration_problem(str(rule[name])) if isinstance(keys[name].value, str) else None)
    if keys["labels"].given:
        rule["labels"] = read_labels(keys["labels"])
    if keys["annotations"].given:
        rule["annotations"] = keys["annotations"].strings()
    for name in ("labels", "annotations") if "alert" in rule else ():
        for key, template in keys[name].strings().items() if keys[name].given else ():
            problem = template_problem(template)
            keys[name].refuse(f"{key}: {problem}" if problem else None)
    for name in _ONLY_ALERTS:
        if "record" in rule and keys[name].given:
            keys[name].refuse("is for alerts, and this rule records")
    return rule
