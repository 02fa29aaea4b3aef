# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds fields that Falco does not know, or does not know in this place, in conditions and outputs."""

from __future__ import annotations

import re

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import did_you_mean
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.conditions import (
    TRANSFORMERS,
    parse_condition,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.event_types import ARGUMENTS
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.fields import (
    ANCESTORS,
    DEPRECATED,
    ENGINE_VERSION,
    FILTER_ONLY,
    INDEXED,
    NEED_ARGUMENT,
    NO_TRANSFORMER,
    PRINT_ONLY,
    TAKE_ARGUMENT,
    TYPES,
    table_name,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.findings import Findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.items import RuleException
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.passages import Passage
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.rule_set import ResolvedRule
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.syntax import ConditionError, Field, fields
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.texts import Text

_OUTPUT_FIELD = re.compile(
    rf"%[0-9]*(?:(?:{'|'.join(TRANSFORMERS)})\()*(?P<name>[a-zA-Z]\w*(?:\.[a-zA-Z]\w*)*)(?:\[(?P<argument>[^\]]*)\])?"
)
_PLUGINS = {
    "k8smeta": ("k8smeta",),
    "k8saudit": ("ka", "jevt"),
    "k8saudit-eks": ("ka", "jevt"),
    "k8saudit-gke": ("ka", "jevt"),
    "k8saudit-aks": ("ka", "jevt"),
    "k8saudit-ovh": ("ka", "jevt"),
    "cloudtrail": ("ct",),
    "gcpaudit": ("gcp",),
    "github": ("github",),
    "gitlab": ("gitlab",),
    "okta": ("okta",),
    "keycloak": ("kc",),
    "json": ("json", "jevt"),
    "anomalydetection": ("anomaly",),
    "krsi": ("krsi",),
    "journald": ("journald",),
    "kafka": ("kafka",),
    "nomad": ("nomad",),
    "docker": ("docker",),
    "seccompagent": ("seccomp",),
    "syslogsrv": ("syslogsrv",),
    "falcosidekick": ("falcosidekick",),
}
"""Plugins of Falco's registry, with what the names of their fields begin with."""
_PLUGIN_FILLS_NO_MORE = ("k8s.rc.", "k8s.svc.", "k8s.ns.", "k8s.rs.", "k8s.deployment.")


def check_condition_fields(passage: Passage, plugins: frozenset[str], findings: Findings) -> None:
    """Note fields in a condition that Falco would refuse.

    Args:
        passage: the condition.
        plugins: that the files ask for, beside the container plugin. Their own fields are not checked, and others that
            are unknown may be theirs.
        findings: takes what is wrong.
    """
    # A rule that may be skipped for an unknown field is refused for one in an exception all the same.
    skipped = bool(passage.rule and passage.rule.skip_if_unknown_filter and not passage.exception)
    lenient = bool(plugins) or skipped
    for field in fields(passage.condition):
        if _is_of(plugins, field.name):
            continue
        place = passage.locate(field.offset)
        problem = field_problem(field)
        if problem:
            is_unknown = table_name(field) is None
            note = findings.warning if lenient and is_unknown else findings.error
            note("unknown-field" if is_unknown else "wrong-field", place, problem, passage.owner)
        elif field.name in PRINT_ONLY:
            findings.error("wrong-field", place, f"{field.name} is for outputs, not for conditions", passage.owner)
        elif field.transformers and (table_name(field) in NO_TRANSFORMER or _is_any_ancestor(field)):
            problem = f"{field.transformers[0]}() does not take {field.key}"
            findings.error("wrong-field", place, problem, passage.owner)
        elif table_name(field) in DEPRECATED:
            findings.warning("deprecated-field", place, _why_deprecated(field.name), passage.owner)


def check_exception_fields(
    rule: ResolvedRule, exception: RuleException, plugins: frozenset[str], findings: Findings
) -> None:
    """Note fields of an exception that Falco would refuse, also while it has no values; ``plugins`` as above."""
    for name in exception.fields if isinstance(exception.fields, tuple) else (exception.fields,):
        if not isinstance(name, Text):
            continue
        try:
            condition = parse_condition(f"{name.value} exists")
        except ConditionError:
            findings.error("invalid-exception", name.place, f"{name.value!r} is no field", rule.name)
            continue
        check_condition_fields(Passage(rule.name, condition, name.locate, rule, exception), plugins, findings)


def check_output_fields(rule: ResolvedRule, plugins: frozenset[str], findings: Findings) -> None:
    """Note fields in the output of a rule that Falco would refuse; ``plugins`` as for conditions."""
    text, position = rule.output.value, rule.output.value.find("%")
    while position >= 0:
        match = _OUTPUT_FIELD.match(text, position)
        place = rule.output.locate(position)
        if match and not _is_of(plugins, match["name"]):
            _check_output_field(rule, match, bool(plugins) or rule.skip_if_unknown_filter, findings)
        elif not match:
            findings.error("wrong-field", place, "a '%' in an output begins a field; write it otherwise", rule.name)
        position = text.find("%", match.end() if match else position + 1)


def field_problem(field: Field) -> str | None:
    """Why Falco would refuse a field anywhere; None if it would not."""
    name = table_name(field)
    if name is None:
        plugin = next((plugin for plugin in _PLUGINS if _is_of(frozenset({plugin}), field.name)), None)
        if plugin:
            return (
                f"{field.name} is a field of the plugin {plugin}; load it, and ask for it with"
                f" required_plugin_versions: [{{name: {plugin}, version: ...}}]"
            )
        meant = did_you_mean(field.name, TYPES, cutoff=0.75)
        return f"Falco (engine {ENGINE_VERSION}) has no field {field.name}{meant}"
    if field.argument is not None and (name != field.name or name not in TAKE_ARGUMENT):
        return f"{field.name} takes no argument in brackets"
    argument = field.name.removeprefix(f"{name}.") if name != field.name else field.argument
    if argument is None:
        return f"{name} needs an argument, as in {name}[...]" if name in NEED_ARGUMENT else None
    if name in INDEXED and not argument.isdigit():
        return f"the argument of {name} must be a number, not {argument!r}"
    if name in ("evt.arg", "evt.rawarg") and not argument.isdigit() and argument not in ARGUMENTS:
        meant = did_you_mean(argument, ARGUMENTS, cutoff=0.8)
        return f"no event has an argument {argument!r}{meant}" if meant else None
    return None


def _is_of(plugins: frozenset[str], field: str) -> bool:
    """Whether a field is one of these plugins' own, by what its name begins with."""
    family = field.partition(".")[0]
    return "." in field and any(family in (plugin, *_PLUGINS.get(plugin, ())) for plugin in plugins)


def _check_output_field(rule: ResolvedRule, match: re.Match[str], lenient: bool, findings: Findings) -> None:
    place, name = rule.output.locate(match.start("name")), match["name"]
    field = Field(name, match["argument"], (), 0)
    # What follows the longest name of a field is text: "%proc.name.txt" is a name and ".txt".
    while table_name(field) is None and "." in field.name:
        field = Field(field.name.rpartition(".")[0], None, (), 0)
    if name == "container.info":
        text = "%container.info is deprecated; Falco adds the container's id and name by itself"
        findings.warning("deprecated-field", place, text, rule.name)
    elif table_name(field) is None:
        note = findings.warning if lenient else findings.error
        problem = field_problem(Field(name, match["argument"], (), 0))
        note("unknown-field", place, f"output: {problem}", rule.name)
    elif problem := field_problem(field):
        findings.error("wrong-field", place, f"output: {problem}", rule.name)
    elif field.name in FILTER_ONLY or _is_any_ancestor(field):
        findings.error("wrong-field", place, f"{field.key} is for conditions, not for outputs", rule.name)
    elif table_name(field) in DEPRECATED:
        findings.warning("deprecated-field", place, _why_deprecated(field.name), rule.name)


def _is_any_ancestor(field: Field) -> bool:
    return field.name in ANCESTORS and field.argument is None


def _why_deprecated(name: str) -> str:
    if name == "evt.dir":
        return "evt.dir is deprecated: rules see only the ends of system calls, so that it is always '<'. Drop it"
    if name.startswith(_PLUGIN_FILLS_NO_MORE):
        return f"{name} is deprecated: the container plugin does not fill it. Drop it"
    return f"{name} is deprecated. Drop it"
