# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile is what an image did in a trial, and what is outside of it is an alert."""

from __future__ import annotations

import json
import re
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


def start(name: str, parent: str = "python3") -> dict[str, Any]:
    return {
        **IN_IMAGE,
        "evt.type": "execve",
        "proc.name": name,
        "proc.cmdline": name,
        "proc.exepath": f"/usr/bin/{name}",
        "proc.pname": parent,
    }


def write(path: str, **more: object) -> dict[str, Any]:
    opened = {"evt.type": "openat", "evt.is_open_write": True, "fd.typechar": "f", "fd.name": path}
    return {**IN_IMAGE, **opened, "fd.directory": path.rpartition("/")[0], "proc.name": "python3", **more}


def connect(address: str, **more: object) -> dict[str, Any]:
    connected = {"evt.type": "connect", "fd.typechar": "4", "fd.l4proto": "tcp", "fd.sip": address, "fd.sport": 443}
    return {**IN_IMAGE, **connected, "proc.name": "python3", **more}


def logged(rules: Any, *events: dict[str, Any]) -> list[str]:
    """The lines that Falco logs of events: each with the fields of the output of the rule that fired."""
    lines = []
    for event in events:
        for rule in rules_that_fire(rules, event):
            if "during Trial" in rule:
                named = re.findall(r"%([a-z_.0-9]+)", rules.rules[rule].output.value)
                alert = {"rule": rule, "tags": list(rules.rules[rule].tags), "time": "t"}
                lines.append(json.dumps({**alert, "output_fields": {key: event.get(key) for key in named}}))
    return lines


def loaded(*names: str, **variables: object) -> Any:
    texts = [(name, (FILES / name).read_text(encoding="utf-8")) for name in ("ml_rules.yaml", *names)]
    rules = load_rules([*texts, ("site.yaml", yaml.safe_dump(site.site_rules(variables)))], STOCK)
    assert [one for one in lint(rules) if one.place.file != "ml_rules.yaml" and one.severity == "error"] == []
    return rules


def test_a_trial_notes_what_serving_containers_do_and_becomes_a_profile() -> None:
    trial = loaded("trial_rules.yaml", serving_images=[IMAGE])
    lines = logged(
        trial,
        start("python3", "containerd-shim"),
        start("nvidia-smi"),
        {**LISTEN, "fd.sport": 8000},
        write("/root/.cache/vllm/x.json"),
        write("/tmp/tmp8a/y"),
        connect("10.96.0.7"),
        connect("127.0.0.1"),
        write("/dev/nvidia0"),
        write("/proc/self/comm"),
        {**write("/srv/missing"), "evt.failed": True},
    )
    alerts, broken = read_alerts(lines)
    assert (len(alerts), broken) == (6, 0)
    profile = {
        "image": IMAGE,
        "programs": ["nvidia-smi", "python3"],
        "parents": ["containerd-shim", "python3"],
        "listening_ports": [8000],
        "written_folders": ["/root/.cache/vllm", "/tmp"],
        "networks": ["10.96.0.0/24"],
    }
    assert profiles_of(alerts) == [profile]
    assert loaded(image_profiles=profiles_of(alerts))


def test_what_an_older_trial_did_not_note_is_not_in_the_profile() -> None:
    alerts, _broken = read_alerts(logged(loaded("trial_rules.yaml", serving_images=[IMAGE]), start("python3", "")))
    assert profiles_of(alerts) == [{"image": IMAGE, "programs": ["python3"], "listening_ports": []}]


@pytest.mark.parametrize(
    ("event", "outside"),
    [
        (start("python3"), False),
        (start("gzip"), True),
        ({**LISTEN, "fd.sport": 8000}, False),
        ({**LISTEN, "fd.sport": 8001}, True),
        ({**LISTEN, "fd.sport": 40000}, False),
        ({**start("gzip"), "container.image.repository": "registry.internal/other"}, False),
        (start("python3", "sh"), True),
        (start("python3", "containerd-shim"), False),
        (write("/tmp/x/y"), False),
        (write("/tmpx/y"), True),
        (write("/tmpx/y", **{"evt.is_open_write": False}), False),
        (write("/tmpx/y", **{"evt.failed": True}), False),
        (write("/dev/null"), False),
        (write("/dev/shm/x"), True),
        (write("/proc/self/comm"), False),
        (write("/sys/x"), False),
        (connect("10.96.3.4"), False),
        (connect("127.0.0.1"), False),
        (connect("10.97.0.1"), True),
        (connect("10.97.0.1", **{"fd.l4proto": "udp"}), False),
        (connect("10.97.0.1", **{"fd.l4proto": "udp", "evt.type": "sendto"}), True),
    ],
)
def test_what_is_outside_of_the_profile_is_an_alert(event: dict[str, Any], outside: bool) -> None:
    profile = {
        "image": IMAGE,
        "programs": ["python3"],
        "listening_ports": [8000],
        "parents": ["python3"],
        "written_folders": ["/tmp"],
        "networks": ["10.96.0.0/16"],
    }
    fired = rules_that_fire(loaded(image_profiles=[profile]), event)
    assert any("outside Profile" in rule for rule in fired) is outside


@pytest.mark.parametrize("event", [start("python3", "sh"), write("/srv/x"), connect("10.97.0.1")])
def test_what_a_profile_leaves_out_is_not_looked_at_and_an_empty_list_allows_nothing(event: dict[str, Any]) -> None:
    short = {"image": IMAGE, "programs": ["python3"]}
    for profile, outside in ((short, 0), ({**short, "parents": [], "written_folders": [], "networks": []}, 1)):
        fired = rules_that_fire(loaded(image_profiles=[profile]), event)
        assert sum("outside Profile" in rule for rule in fired) == outside


@pytest.mark.parametrize(
    "profile",
    [
        {"image": "model-server", "programs": []},
        {"image": IMAGE, "programs": ["/usr/bin/python3"]},
        {"image": IMAGE, "programs": ["a b"]},
        {"image": IMAGE, "programs": [], "listening_ports": ["8000"]},
        {"image": IMAGE, "programs": [], "parents": ["/bin/sh"]},
        {"image": IMAGE, "programs": [], "written_folders": ["tmp"]},
        {"image": IMAGE, "programs": [], "written_folders": ["/tmp/"]},
        {"image": IMAGE, "programs": [], "written_folders": ["/t*"]},
        {"image": IMAGE, "programs": [], "networks": ["10.0.0.1"]},
        {"image": IMAGE, "programs": [], "networks": ["everywhere"]},
        {"image": IMAGE},
    ],
)
def test_a_wrong_profile_is_refused(profile: dict[str, Any]) -> None:
    with pytest.raises(HardeningError, match="falco_image_profiles"):
        site.site_rules({"image_profiles": [profile]})
