# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role renders for Falco is what version 0.44.1 of it, and its container plugin, read."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from accepted import DATA, schema, violations
from falco_values import as_falco_reads

CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "own rules only": {"falco_stock_rules": False, "falco_disabled_rules": ["Terminal shell in container"]},
    "nothing is approved": {
        "falco_approved_images": [],
        "falco_training_images": [],
        "falco_serving_images": [],
        "falco_approved_hosts": [],
        "falco_model_hubs": [],
        "falco_credential_paths": [],
        "falco_server_programs": [],
        "falco_known_commands": [],
        "falco_internal_networks": [],
        "falco_gpu_stack_images": [],
    },
    "output": {
        "falco_http_output_url": "https://alerts.example.com/falco",
        "falco_http_output_insecure": True,
        "falco_minimum_priority": "debug",
    },
    "two sockets": {
        "falco_container_sockets": ["/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock"]
    },
    "no sockets": {"falco_container_sockets": []},
    "mitigation": {"falco_toctou_mitigation": True, "falco_nodes": "all"},
    "exception": {
        "falco_exceptions": [
            {
                "rule": "Shell or Network Tool Started by Python Model Server",
                "name": "image_and_command",
                "values": [["registry.internal/ml-trainer", "sh -c nvcc "]],
            }
        ]
    },
}
CONFIG = schema("falco/schemas/config-schema-0.44.1.json")
PLUGIN = schema("falco/schemas/container-plugin-schema.json")
RULES = schema("falco/schemas/rule-schema-0.44.1.json")
HELP = (DATA / "programs/falco-0.44.1-help.txt").read_text()
OPTIONS = set(re.findall(r"(?:^|[ ,])(--?[a-zA-Z][a-z-]*)", HELP, re.MULTILINE))
# Read from the environment, without a flag.
VARIABLES = {"HOST_ROOT", "FALCO_HOSTNAME"}


@pytest.fixture(scope="module")
def rendered(render_role: Any) -> dict[str, Any]:
    return render_role("falco", CASES)


def files(objects: dict[str, Any], config_map: str) -> dict[str, Any]:
    (found,) = [item for item in objects["config_maps"] if item["metadata"]["name"] == config_map]
    return {name: yaml.safe_load(text) for name, text in found["data"].items()}


@pytest.mark.parametrize("case", CASES)
def test_falco_starts_with_its_configuration(rendered: dict[str, Any], case: str) -> None:
    config = files(rendered[case], "falco-config")["falco.yaml"]
    assert violations(config, CONFIG) == []


@pytest.mark.parametrize("case", CASES)
def test_the_container_plugin_starts_with_its_configuration(rendered: dict[str, Any], case: str) -> None:
    config = files(rendered[case], "falco-config")["falco.yaml"]
    (plugin,) = config["plugins"]
    assert violations(as_falco_reads(plugin["init_config"]), PLUGIN) == []


@pytest.mark.parametrize("case", CASES)
def test_falco_reads_every_file_of_rules(rendered: dict[str, Any], case: str) -> None:
    found = files(rendered[case], "falco-rules")
    assert len(found) >= 2
    for name, content in found.items():
        assert violations(content, RULES) == [], name


@pytest.mark.parametrize("case", CASES)
def test_falco_knows_its_arguments_and_variables(rendered: dict[str, Any], case: str) -> None:
    (daemon_set,) = rendered[case]["daemon_set"]
    for container in daemon_set["spec"]["template"]["spec"]["containers"]:
        words = [*container.get("command", ()), *container.get("args", ())]
        assert words[0] == "/usr/bin/falco"
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= OPTIONS
        assert {variable["name"] for variable in container["env"]} <= VARIABLES
        assert all(isinstance(variable.get("value", ""), str) for variable in container["env"])


def test_an_empty_list_is_null_for_a_plugin_and_null_is_no_list() -> None:
    engines = {name: {"enabled": False} for name in ("docker", "podman", "cri", "lxc", "libvirt_lxc", "bpm")}
    config = {"engines": {**engines, "containerd": {"enabled": False, "sockets": []}}}
    assert violations(config, PLUGIN) == []
    assert violations(as_falco_reads(config), PLUGIN) == ["$.engines.containerd.sockets: None is not of type 'array'"]
