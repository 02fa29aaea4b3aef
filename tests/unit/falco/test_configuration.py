# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Falco 0.44.1 takes the configuration and the rules that the role renders, as its own schemas tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import jsonschema
import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.site import site_rules

CHECKOUT = Path(__file__).resolve().parents[3]
ROLE = CHECKOUT / "roles" / "falco"
SCHEMAS = CHECKOUT / "tests" / "data" / "falco" / "schemas"
DEFAULTS = {
    name: value
    for name, value in yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8")).items()
    if not (isinstance(value, str) and "{{" in value)
}
SETTINGS = {
    "defaults": {},
    "no socket": {"falco_container_sockets": []},
    "two sockets": {"falco_container_sockets": ["/run/a.sock", "/run/b.sock"]},
    "forwarding": {"falco_http_output_url": "http://sidekick.falco:2801", "falco_http_output_insecure": True},
    "no stock rules": {"falco_stock_rules": False},
    "trial": {"falco_trial": True, "falco_http_output_url": "http://sidekick.falco:2801"},
    "few alerts": {"falco_minimum_priority": "critical"},
}


def assert_fits(value: Any, schema: str) -> None:
    read = json.loads((SCHEMAS / f"{schema}.json").read_text(encoding="utf-8"))
    # The plugin's schema has an empty "required", which its own draft does not allow.
    assert [error.message for error in jsonschema.Draft6Validator(read).iter_errors(value)] == []


def as_falco_reads(value: Any) -> Any:
    """Falco's YAML reader makes null of an empty list."""
    if isinstance(value, dict):
        return {key: as_falco_reads(item) for key, item in value.items()}
    return [as_falco_reads(item) for item in value] or None if isinstance(value, list) else value


def rendered(settings: dict[str, Any]) -> Any:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)
    environment.filters["to_json"] = json.dumps
    template = environment.from_string((ROLE / "templates" / "falco.yaml.j2").read_text(encoding="utf-8"))
    return as_falco_reads(yaml.safe_load(template.render({**DEFAULTS, **settings})))


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_falco_and_its_container_plugin_take_the_configuration(settings: dict[str, Any]) -> None:
    configuration = rendered(settings)
    assert_fits(configuration, "config-schema-0.44.1")
    (plugin,) = configuration["plugins"]
    assert_fits(plugin["init_config"], "container-plugin-schema")


def test_alerts_of_stock_rules_name_container_image_pod_and_namespace() -> None:
    assert rendered({})["append_output"] == [{"suggested_output": True}]


def test_lost_events_and_matches_of_rules_are_counted_for_prometheus() -> None:
    configuration = rendered({})
    assert configuration["webserver"]["prometheus_metrics_enabled"] is True
    assert configuration["metrics"]["kernel_event_counters_enabled"] is True
    assert configuration["metrics"]["rules_counters_enabled"] is True


def test_a_trial_loads_every_rule_and_sends_nothing() -> None:
    configuration = rendered(SETTINGS["trial"])
    assert configuration["priority"] == "debug"
    assert "http_output" not in configuration
    assert configuration["stdout_output"] == {"enabled": True}
    assert rendered(SETTINGS["forwarding"])["http_output"]["enabled"] is True


@pytest.mark.parametrize("empty", [{}, {"parents": [], "written_folders": [], "networks": []}])
def test_falco_takes_the_form_of_the_rules_of_profiles(empty: dict[str, Any]) -> None:
    profile = {"image": "registry.internal/model-server", "programs": ["python3"], **empty}
    assert_fits(site_rules({"image_profiles": [profile]}), "rule-schema-0.44.1")


@pytest.mark.parametrize("name", ["ml_rules.yaml", "stock_rules.yaml", "trial_rules.yaml"])
def test_falco_takes_the_form_of_the_rules(name: str) -> None:
    rules = yaml.safe_load((ROLE / "files" / name).read_text(encoding="utf-8"))
    assert_fits(rules, "rule-schema-0.44.1")
