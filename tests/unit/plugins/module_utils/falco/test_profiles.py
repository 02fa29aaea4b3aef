# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile is what an image did in a trial, and what is outside of it is an alert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco import site
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.alerts import read_alerts
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import rules_that_fire
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.lint.linter import lint
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.profiles import profiles_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.stock import STOCK

FILES = Path(site.__file__).parents[3] / "roles" / "falco" / "files"
IMAGE = "registry.internal/model-server"
IN_IMAGE = {"container.id": "a", "container.image.repository": IMAGE, "evt.failed": False}
LISTEN = {**IN_IMAGE, "evt.type": "listen", "fd.typechar": "4", "fd.sip": "0.0.0.0", "proc.name": "python3"}


def start(name: str) -> dict[str, Any]:
    return {
        **IN_IMAGE,
        "evt.type": "execve",
        "proc.name": name,
        "proc.cmdline": name,
        "proc.exepath": f"/usr/bin/{name}",
    }


def loaded(*names: str, **variables: object) -> Any:
    texts = [(name, (FILES / name).read_text(encoding="utf-8")) for name in ("ml_rules.yaml", *names)]
    rules = load_rules([*texts, ("site.yaml", yaml.safe_dump(site.site_rules(variables)))], STOCK)
    assert [one for one in lint(rules) if one.place.file != "ml_rules.yaml" and one.severity == "error"] == []
    return rules


def test_a_trial_notes_what_serving_containers_do_and_becomes_a_profile() -> None:
    trial = loaded("trial_rules.yaml", serving_images=[IMAGE])
    lines = [
        json.dumps({"rule": rule, "tags": list(trial.rules[rule].tags), "time": "t", "output_fields": event})
        for event in (start("python3"), start("nvidia-smi"), start("python3"), {**LISTEN, "fd.sport": 8000})
        for rule in rules_that_fire(trial, event)
        if "during Trial" in rule
    ]
    alerts, broken = read_alerts(lines)
    assert (len(alerts), broken) == (4, 0)
    assert profiles_of(alerts) == [{"image": IMAGE, "programs": ["nvidia-smi", "python3"], "listening_ports": [8000]}]


@pytest.mark.parametrize(
    ("event", "outside"),
    [
        (start("python3"), False),
        (start("gzip"), True),
        ({**LISTEN, "fd.sport": 8000}, False),
        ({**LISTEN, "fd.sport": 8001}, True),
        ({**LISTEN, "fd.sport": 40000}, False),
        ({**start("gzip"), "container.image.repository": "registry.internal/other"}, False),
    ],
)
def test_what_is_outside_of_the_profile_is_an_alert(event: dict[str, Any], outside: bool) -> None:
    profile = {"image": IMAGE, "programs": ["python3"], "listening_ports": [8000]}
    fired = rules_that_fire(loaded(image_profiles=[profile]), event)
    assert any("outside Profile" in rule for rule in fired) is outside


@pytest.mark.parametrize(
    "profile",
    [
        {"image": "model-server", "programs": []},
        {"image": IMAGE, "programs": ["/usr/bin/python3"]},
        {"image": IMAGE, "programs": ["a b"]},
        {"image": IMAGE, "programs": [], "listening_ports": ["8000"]},
        {"image": IMAGE},
    ],
)
def test_a_wrong_profile_is_refused(profile: dict[str, Any]) -> None:
    with pytest.raises(HardeningError, match="falco_image_profiles"):
        site.site_rules({"image_profiles": [profile]})
