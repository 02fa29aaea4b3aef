# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site approves becomes lists and macros of Falco, and nothing malformed gets there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco import site as falco_site
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.evaluation import fires
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.falco.files import load_rules

ROLE = Path(falco_site.__file__).parents[3] / "roles" / "falco"
RULES = (ROLE / "files" / "ml_rules.yaml").read_text(encoding="utf-8")
STAGES = [{"name": "training", "namespace": "ml-training"}, {"name": "serving", "namespace": "ml-serving"}]
DOWNLOAD = "Model File Download from Untrusted Source"


def defaults() -> dict[str, Any]:
    """The variables of the role, with those that ask for the stages as they are for the stages above."""
    variables = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    kept = {name: variables[f"falco_{name}"] for name in falco_site.KEYS if f"falco_{name}" in variables}
    return {**kept, "stages": STAGES, "training_stages": ["training"], "serving_stages": ["serving"]}


def rules_of(**site: object) -> Any:
    """The rule set of a site that differs from the defaults in some keys."""
    text = yaml.safe_dump(falco_site.site_rules({**defaults(), **site}))
    loaded = load_rules([("ml_rules.yaml", RULES), ("site.yaml", text)])
    assert loaded.findings == ()
    return loaded


def curl(address: str) -> dict[str, object]:
    line = f"curl {address}"
    return {"evt.type": "execve", "evt.failed": False, "container.id": "a", "proc.name": "curl", "proc.cmdline": line}


def test_the_defaults_of_the_role_are_those_of_the_file() -> None:
    in_file = {
        item.get("list") or item.get("macro"): item["items"] if "list" in item else " ".join(item["condition"].split())
        for item in yaml.safe_load(RULES)
        if "list" in item or "macro" in item
    }
    made = {
        item.get("list") or item.get("macro"): item["items"] if "list" in item else item["condition"]
        for item in falco_site.site_rules(defaults())
    }
    assert made == {name: in_file[name] for name in made}
    assert len(made) == 21


@pytest.mark.parametrize(
    ("host", "address", "approved"),
    [
        ("models.example.com", "https://models.example.com/m.pt", True),
        ("models.example.com", "https://models.example.com:8443/m.pt", True),
        ("models.example.com", "https://modelsXexample.com/m.pt", False),
        ("models.example.com:8443", "https://models.example.com:8443/m.pt", True),
        ("models.example.com:8443", "https://models.example.com/m.pt", False),
        ("*.example.com", "https://a.b.example.com/m.pt", True),
        ("*.example.com", "https://example.com/m.pt", False),
        ("*.example.com", "https://evil.com/x.example.com/m.pt", False),
    ],
)
def test_a_host_approves_its_own_addresses_only(host: str, address: str, approved: bool) -> None:
    assert fires(rules_of(approved_hosts=[host]), DOWNLOAD, curl(address)) is not approved


def test_without_approved_hosts_every_download_of_a_model_fires() -> None:
    assert fires(rules_of(approved_hosts=[]), DOWNLOAD, curl("https://registry.internal/m.pt"))


@pytest.mark.parametrize(("hosts", "approved"), [(["mirror.example.com"], True), (["e.com"], False), ([], False)])
def test_an_index_is_approved_by_its_host(hosts: list[str], approved: bool) -> None:
    pip = {
        "evt.type": "execve", "evt.failed": False, "container.id": "a", "proc.name": "pip", "proc.args": "install x",
        "proc.cmdline": "pip install x", "container.image.repository": "registry.internal/ml-trainer",
        "proc.env[PIP_INDEX_URL]": "https://mirror.example.com/simple",
    }  # fmt: skip
    assert fires(rules_of(approved_hosts=hosts), "Package Installed in ML Container", pip) is not approved


def test_an_approved_hub_is_no_hub() -> None:
    address = "https://huggingface.co/org/model"
    assert fires(rules_of(), DOWNLOAD, curl(address))
    assert not fires(rules_of(model_hubs=["civitai.com"]), DOWNLOAD, curl(address))


def test_a_new_stage_is_watched_in_its_namespace() -> None:
    stages = [*STAGES, {"name": "canary", "namespace": "ml-canary"}]
    write = {"evt.type": "openat", "evt.is_open_write": True, "container.id": "a", "fd.name": "/m/m.onnx"}
    event = {**write, "container.image.repository": "docker.io/other/server", "k8s.ns.name": "ml-canary"}
    changed = "Model File Changed in Serving Container"
    assert not fires(rules_of(), changed, event)
    assert fires(rules_of(serving_stages=["serving", "canary"], stages=stages), changed, event)


def test_a_rule_can_be_switched_off_and_an_exception_filled() -> None:
    row = ["registry.internal/ml-trainer", "curl https://mirror.example/"]
    allowed = [{"rule": DOWNLOAD, "name": "image_and_command", "values": [row]}]
    event = {**curl("https://mirror.example/m.pt"), "container.image.repository": "registry.internal/ml-trainer"}
    assert fires(rules_of(), DOWNLOAD, event)
    assert not fires(rules_of(exceptions=allowed), DOWNLOAD, event)
    assert not rules_of(disabled_rules=[DOWNLOAD]).rules[DOWNLOAD].enabled


def test_lists_may_be_empty() -> None:
    empty = {name: [] for name in defaults() if name != "stages"}
    rules_of(**empty)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("approved_images", ["ml-trainer"], "falco_approved_images[0]: 'ml-trainer' names no registry"),
        ("approved_images", ["registry.internal/ml-trainer:v2"], "has a tag or digest in it"),
        ("approved_images", "registry.internal/x", "falco_approved_images: must be a list"),
        ("training_stages", ["trainng"], "no stage is called 'trainng' (did you mean training?)"),
        ("approved_hosts", ["https://registry.internal"], "is no host name"),
        ("approved_hosts", ["a.example)|(.*"], "is no host name"),
        ("model_hubs", ["huggingface"], "is no domain"),
        ("credential_paths", ["secrets"], "is no absolute path"),
        ("server_programs", ["/usr/bin/ollama"], "without its folder"),
        ("known_commands", ['sh -c "x"'], "double quotes"),
        ("listening_ports", [70000], "70000 is no port"),
        ("listening_ports", ["8000"], "'8000' is no port"),
        ("internal_domains", ["*.internal"], "no ending of host names"),
        ("model_paths", ["models"], "is no absolute path"),
        ("internal_networks", ["10.0.0.1/8"], "the network is 10.0.0.0/8"),
        ("exceptions", [{"rule": "x", "values": []}], "falco_exceptions[0]: name is missing"),
        ("aproved_images", [], "no key 'aproved_images' is known here"),
    ],
)
def test_what_is_malformed_is_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(HardeningError) as refusal:
        falco_site.site_rules({**defaults(), key: value})
    assert message in refusal.value.message


def test_a_known_command_is_known_in_both_spellings_of_the_shell() -> None:
    (known,) = (item for item in falco_site.site_rules({"known_commands": ["sh -c ls"]}) if "known" in str(item))
    assert known["items"] == ['"sh -c ls"', '"sh -c -- ls"']


def test_a_credential_is_one_by_any_root_and_so_are_links_to_the_folders_above_it() -> None:
    made = {
        item.get("list"): item.get("items")
        for item in falco_site.site_rules({"credential_paths": ["/a/b/c", "/run/d"]})
    }
    assert made["ml_credential_paths"][:3] == ["/a/b/c", "/proc/*/root/a/b/c", "/proc/*/cwd/a/b/c"]
    assert made["ml_credential_parents"] == ["/a/b", "/a"]
