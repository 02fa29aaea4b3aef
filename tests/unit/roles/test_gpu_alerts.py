# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alerts, their settings, their pages and the objects that carry them belong together."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stages

COLLECTION = Path(stages.__file__).parents[3]
ROLE = COLLECTION / "roles" / "gpu_alerts"
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
SETTINGS = DEFAULTS["gpu_alerts_default_settings"]

Objects = dict[str, list[dict[str, Any]]]


def render(folder: Path, variables: dict[str, object]) -> subprocess.CompletedProcess[str]:
    """Render both formats; a list of objects each is in the folder then."""
    (folder / "templates").symlink_to(ROLE / "templates")
    objects = "from_yaml_all | list | to_json"
    rendered = {
        kind: {
            "content": f"{{{{ lookup('ansible.builtin.template', '{kind}.yaml.j2') | {objects} }}}}",
            "dest": str(folder / f"{kind}.json"),
            "mode": "0600",
        }
        for kind in ("prometheus_rule", "config_map")
    }
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [
            str(COLLECTION / "roles" / path)
            for path in ("cluster/defaults/main.yml", "gpu_alerts/defaults/main.yml", "gpu_alerts/vars/main.yml")
        ],
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": [{"ansible.builtin.copy": copy} for copy in rendered.values()],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    (folder / "user.yml").write_text(yaml.safe_dump(variables))
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-e", "@user.yml", "play.yml"],
        cwd=folder,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """The objects by format, with labels of the user and one rule more."""
    folder = tmp_path_factory.mktemp("render")
    done = render(
        folder,
        {
            "gpu_alerts_object_labels": {"release": "kube-prometheus-stack"},
            "gpu_alerts_labels": {"team": "ml", "note": "1e3"},
            "gpu_alerts_extra_rules": [{"record": "gpu:temperature:max", "expr": "max(DCGM_FI_DEV_GPU_TEMP)"}],
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {kind: json.loads((folder / f"{kind}.json").read_text()) for kind in ("prometheus_rule", "config_map")}


def alerts(objects: Objects) -> dict[str, dict[str, Any]]:
    """The alerting rules by name."""
    groups = objects["prometheus_rule"][0]["spec"]["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_both_formats_carry_the_same_rules(objects: Objects) -> None:
    for config_map, prometheus_rule in zip(objects["config_map"], objects["prometheus_rule"], strict=True):
        ((name, text),) = config_map["data"].items()
        assert name == f"{prometheus_rule['metadata']['name']}.yaml"
        assert yaml.safe_load(text) == prometheus_rule["spec"]
    assert "# How busy each GPU is" in objects["config_map"][0]["data"]["gpu-security-alerts.yaml"]


@pytest.mark.parametrize("kind", ["prometheus_rule", "config_map"])
def test_the_object_says_where_it_belongs(objects: Objects, kind: str) -> None:
    assert [item["metadata"] for item in objects[kind]] == [
        {
            "name": name,
            "namespace": "ml-monitoring",
            "labels": {
                "app.kubernetes.io/name": "gpu-alerts",
                "app.kubernetes.io/part-of": "gpu-cluster-hardening",
                "app.kubernetes.io/managed-by": "ansible",
                "release": "kube-prometheus-stack",
            },
        }
        for name in ("gpu-security-alerts", "gpu-security-alerts-extra")
    ]


def test_every_setting_has_its_alert(objects: Objects) -> None:
    assert {name: (rule["for"], rule["labels"]) for name, rule in alerts(objects).items()} == {
        name: (setting["for"], {"severity": setting["severity"], "team": "ml", "note": "1e3"})
        for name, setting in SETTINGS.items()
    }


def test_rules_of_the_user_are_in_an_object_of_their_own(objects: Objects) -> None:
    assert objects["prometheus_rule"][1]["spec"] == {
        "groups": [
            {
                "name": "gpu-extra",
                "rules": [{"record": "gpu:temperature:max", "expr": "max(DCGM_FI_DEV_GPU_TEMP)"}],
            }
        ]
    }


def test_every_alert_says_what_is_wrong_and_leads_to_its_page(objects: Objects) -> None:
    pages = re.findall(r"^## ((?:GPU|DCGM|Falco|Unexpected)\w+)$", (COLLECTION / "docs/alerts.md").read_text(), re.M)
    assert pages == list(SETTINGS)
    repository = yaml.safe_load((COLLECTION / "galaxy.yml").read_text())["repository"]
    for name, rule in alerts(objects).items():
        annotations = rule["annotations"]
        assert set(annotations) == {"summary", "description", "runbook_url"}
        assert annotations["runbook_url"] == f"{repository}/blob/main/docs/alerts.md#{name.lower()}"


def test_every_page_says_what_the_alert_means_and_what_it_cannot_see() -> None:
    text = (COLLECTION / "docs/alerts.md").read_text()
    for name in SETTINGS:
        page = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert page.startswith("\n**Means:**"), name
        assert re.search(r"^\*\*Check( and do)?:\*\*", page, re.M), name
        assert "**Cannot see:**" in page or name in ("GPUDevicePluginMissingOnGPUNode", "GPUPodAccountsUnknown")


def test_the_readme_has_the_settings() -> None:
    row = re.compile(r"^\| \[(\w+)\]\(\S+\) \| `(\w+)` \| `(\w+)` \|(.*)\|$", re.M)
    told = {
        name: {"severity": severity, "for": duration, **yaml.safe_load(f"{{{more.replace('`', '')}}}")}
        for name, severity, duration, more in row.findall((ROLE / "README.md").read_text())
    }
    assert told == SETTINGS


def test_a_disabled_alert_is_left_out_with_nothing_else(tmp_path: Path) -> None:
    done = render(tmp_path, {"gpu_alerts_settings": {name: {"enabled": False} for name in SETTINGS}})
    assert done.returncode == 0, done.stdout + done.stderr
    (item,) = json.loads((tmp_path / "prometheus_rule.json").read_text())
    rules = item["spec"]["groups"]
    assert [rule for group in rules for rule in group["rules"] if "record" not in rule] == []


def test_wrong_variables_are_told(tmp_path: Path) -> None:
    done = render(tmp_path, {"gpu_alerts_gap": "soon"})
    assert done.returncode != 0
    assert "The alerts are wrong: gpu_alerts_gap: 'soon' is no duration" in done.stdout + done.stderr
