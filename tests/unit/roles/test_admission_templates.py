# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the templates of the admission policies make of the defaults, and of odd names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.settings import POLICIES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stages

COLLECTION = Path(stages.__file__).parents[3]
ROLE = COLLECTION / "roles" / "admission_policies"
POD_POLICIES = ("image-digests", "image-registries", "secrets", "gpu-use", "pods", "placement", "host-access")
ODD = {
    "name": "odd",
    "namespace": "ml-odd",
    "gpu": True,
    # Names that YAML would read as numbers if they were not quoted.
    "service_account": {"name": "1e3"},
    "pods": {"app": "on"},
    "egress": ["dns"],
}
QUOTES = {"policy": "secrets", "namespace": "ml-odd", "name": "007", "reason": "it's \"odd\": 'very'"}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    """All manifests by kind and name, for the default stages and one more."""
    folder = tmp_path_factory.mktemp("admission")
    defaults = [str(COLLECTION / "roles/cluster/defaults/main.yml"), str(ROLE / "defaults/main.yml")]
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [*defaults, str(ROLE / "vars/main.yml")],
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": [
            {
                "ansible.builtin.copy": {
                    "content": "{{ lookup('ansible.builtin.template', 'layer.j2') | from_yaml_all | list | to_json }}",
                    "dest": str(folder / "rendered.json"),
                }
            }
        ],
    }
    user = {
        "gpu_cluster_stages": "{{ gpu_cluster_default_stages + extra_stages }}",
        "extra_stages": [ODD],
        "admission_policies_gpu_quotas": {"odd": {"nvidia.com/gpu": 2}},
        "admission_policies_exemptions": [QUOTES],
    }
    (folder / "templates").symlink_to(ROLE / "templates")
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    (folder / "user.json").write_text(json.dumps(user))
    subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-e", "@user.json", "play.yml"],
        check=True,
        cwd=folder,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2])},
    )
    rendered = json.loads((folder / "rendered.json").read_text())
    return {(item["kind"].removeprefix("ValidatingAdmission"), item["metadata"]["name"]): item for item in rendered}


def spec(objects: dict[tuple[str, str], Any], policy: str) -> Any:
    return objects["Policy", f"{policy}.gpu-cluster.hardening"]["spec"]


def variable(objects: dict[tuple[str, str], Any], policy: str, name: str) -> str:
    return next(item["expression"] for item in spec(objects, policy)["variables"] if item["name"] == name)


def test_one_policy_for_each_concern_and_no_binding_without_its_policy(objects: dict[tuple[str, str], Any]) -> None:
    names = {name.removesuffix(".gpu-cluster.hardening") for kind, name in objects if kind == "Policy"}
    assert names == {
        *(
            "image-digests",
            "image-registries",
            "secrets",
            "gpu-use",
            "pods",
            "placement",
            "host-access",
            "host-volumes",
        ),
        *(
            "rbac",
            "rbac-cluster-roles",
            "rbac-roles",
            "namespaces",
            "tampering",
            "own-namespaces",
            "written-secrets",
            "network",
            "tokens",
        ),
        "nodes",
    }
    bound = {item["spec"]["policyName"] for (kind, _name), item in objects.items() if kind == "PolicyBinding"}
    assert {name.removesuffix(".gpu-cluster.hardening") for name in bound} == names


def test_every_policy_fails_closed_and_has_a_message_of_its_own(objects: dict[tuple[str, str], Any]) -> None:
    for (kind, _name), item in objects.items():
        if kind == "Policy":
            assert item["spec"]["failurePolicy"] == "Fail"
            (validation,) = item["spec"]["validations"]
            assert validation["message"].endswith(".")
            assert len(validation["message"]) > 40
            assert validation["messageExpression"]


def test_policies_of_pods_see_everything_that_makes_pods(objects: dict[tuple[str, str], Any]) -> None:
    for policy in POD_POLICIES:
        rules = spec(objects, policy)["matchConstraints"]["resourceRules"]
        assert {name for rule in rules for name in rule["resources"]} - {"pods/resize"} == {
            *("pods", "pods/ephemeralcontainers", "replicationcontrollers"),
            *("daemonsets", "deployments", "replicasets", "statefulsets", "cronjobs", "jobs"),
        }
        (expression,) = spec(objects, policy)["matchConstraints"]["namespaceSelector"]["matchExpressions"]
        assert expression["operator"] == "NotIn"
        assert {"kube-system", "nvidia-device-plugin", "dcgm-exporter", "falco", "external-secrets"} <= set(
            expression["values"]
        )


def test_names_stay_strings(objects: dict[tuple[str, str], Any]) -> None:
    assert '"ml-odd": ["1e3"]' in variable(objects, "gpu-use", "accounts")
    assert objects["ResourceQuota", "gpus"]["spec"]["hard"] == {"requests.nvidia.com/gpu": "2"}
    conditions = {item["name"]: item["expression"] for item in spec(objects, "secrets")["matchConditions"]}
    assert '["ml-odd/007"]' in conditions["not-exempt"]
    annotation = objects["Policy", "secrets.gpu-cluster.hardening"]["metadata"]["annotations"]
    assert annotation["gpu-cluster.hardening/exemptions"] == "ml-odd/007: it's \"odd\": 'very'"


def test_objects_say_where_they_belong(objects: dict[tuple[str, str], Any]) -> None:
    for item in objects.values():
        assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "gpu-cluster-hardening"
        assert item["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "ansible"


def test_the_quick_look_comes_with_every_policy_of_pods(objects: dict[tuple[str, str], Any]) -> None:
    """Templates are always looked at as a whole."""
    for policy in POD_POLICIES:
        conditions = {item["name"]: item["expression"] for item in spec(objects, policy)["matchConditions"]}
        assert conditions["suspicious"].startswith("request.kind.kind != 'Pod' || ")
        assert "variables." not in conditions["suspicious"]


def test_the_page_of_profiles_has_every_layer_and_every_policy() -> None:
    page = (COLLECTION / "docs" / "profiles.md").read_text(encoding="utf-8")
    roles = {path.name for path in (COLLECTION / "roles").iterdir()} - {"cluster", "sandbox"}
    layers = {name for name in roles if not name.startswith("host_")}  # profiles are of clusters, not of machines
    assert [name for name in sorted({*layers, *POLICIES}) if f"`{name}`" not in page] == []
