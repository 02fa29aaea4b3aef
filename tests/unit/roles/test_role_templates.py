# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles' templates make of the default stages, and of one more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stages

COLLECTION = Path(stages.__file__).parents[3]
TEMPLATES = {
    "namespaces": "pod_security/templates/namespaces.yaml.j2",
    "accounts": "rbac/templates/service_accounts.yaml.j2",
    "roles": "rbac/templates/roles.yaml.j2",
    "allow": "network_policies/templates/allow.yaml.j2",
    "deny": "network_policies/templates/default_deny.yaml.j2",
}
EVALUATION = {
    "name": "evaluation",
    "namespace": "ml-evaluation",
    # Names that YAML would read as numbers if they were not quoted.
    "service_account": {"name": "1e3", "annotations": {"example.com/role": "007"}},
    "pods": {"app": "on"},
    "egress": ["dns", {"cidr": "fd00::/64", "except": ["fd00::/96"], "ports": [{"port": 443}]}],
}

Objects = dict[str, list[dict[str, object]]]


def render(folder: Path, extra_stages: list[dict[str, object]]) -> Objects:
    """Render every template with the defaults of role ``cluster`` and more stages."""
    normalised = "{{ gpu_cluster_stages | gpu_cluster.hardening.stages(gpu_cluster_endpoints, gpu_cluster_dns) }}"
    rendered = {
        name: f"{{{{ lookup('ansible.builtin.template', '{COLLECTION}/roles/{path}') | from_yaml_all | list }}}}"
        for name, path in TEMPLATES.items()
    }
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [str(COLLECTION / "roles/cluster/defaults/main.yml")],
        "vars": {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            **{f"__{role}_stages": normalised for role in ("pod_security", "rbac", "network_policies")},
            "pod_security_enforce": True,
            "rendered": rendered,
        },
        "tasks": [
            {"ansible.builtin.copy": {"content": "{{ rendered | to_json }}", "dest": str(folder / "rendered.json")}}
        ],
    }
    user = {"gpu_cluster_stages": "{{ gpu_cluster_default_stages + extra_stages }}", "extra_stages": extra_stages}
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    (folder / "user.yml").write_text(yaml.safe_dump(user))
    subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-e", "@user.yml", "play.yml"],
        check=True,
        cwd=folder,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2])},
    )
    return json.loads((folder / "rendered.json").read_text())


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """The objects by template, for the default stages and one more."""
    return render(tmp_path_factory.mktemp("render"), [EVALUATION])


def named(objects: list[dict[str, object]], kind: str) -> dict[tuple[str, str], dict[str, object]]:
    """The objects of a kind by namespace and name."""
    return {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in objects if item["kind"] == kind}


def test_namespaces_have_the_levels_of_the_article(objects: Objects) -> None:
    labels = {item["metadata"]["name"]: item["metadata"]["labels"] for item in objects["namespaces"]}
    levels = {
        name: tuple(found[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn"))
        for name, found in labels.items()
    }
    assert levels == {
        "ml-training": ("restricted", "restricted", "restricted"),
        "ml-serving": ("baseline", "restricted", "restricted"),
        "ml-monitoring": ("restricted", "restricted", "restricted"),
        "ml-evaluation": ("restricted", "restricted", "restricted"),
    }
    assert {key: value for key, value in labels["ml-training"].items() if "pod-security" not in key} == {
        "app.kubernetes.io/part-of": "gpu-cluster-hardening",
        "app.kubernetes.io/managed-by": "ansible",
        "gpu-cluster.hardening/stage": "training",
        "gpu-cluster.hardening/gpu": "true",
    }


def test_no_account_mounts_a_token(objects: Objects) -> None:
    accounts = named(objects["accounts"], "ServiceAccount")
    assert set(accounts) == {
        ("ml-training", "ml-trainer"),
        ("ml-training", "default"),
        ("ml-serving", "model-server"),
        ("ml-serving", "default"),
        ("ml-monitoring", "ml-monitor"),
        ("ml-monitoring", "default"),
        ("ml-evaluation", "1e3"),
        ("ml-evaluation", "default"),
    }
    assert {account["automountServiceAccountToken"] for account in accounts.values()} == {False}
    assert accounts["ml-evaluation", "1e3"]["metadata"]["annotations"] == {"example.com/role": "007"}
    assert "annotations" not in accounts["ml-training", "ml-trainer"]["metadata"]


def test_roles_hold_exactly_the_rules_of_the_article(objects: Objects) -> None:
    roles = named(objects["roles"], "Role")
    assert roles["ml-training", "ml-trainer-role"]["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "verbs": ["get", "list"],
            "resourceNames": ["training-config", "model-hyperparams"],
        },
        {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    ]
    assert roles["ml-serving", "model-server-role"]["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["configmaps", "secrets"],
            "verbs": ["get"],
            "resourceNames": ["model-registry-credentials", "serving-config"],
        }
    ]
    assert roles["ml-evaluation", "1e3-role"]["rules"] == []


def test_every_role_is_bound_to_the_account_of_its_stage(objects: Objects) -> None:
    bindings = named(objects["roles"], "RoleBinding")
    assert set(bindings) == {
        ("ml-training", "ml-trainer-binding"),
        ("ml-serving", "model-server-binding"),
        ("ml-monitoring", "ml-monitor-binding"),
        ("ml-evaluation", "1e3-binding"),
    }
    for (namespace, name), binding in bindings.items():
        account = name.removesuffix("-binding")
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]
        assert binding["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": f"{account}-role",
        }


def test_every_namespace_denies_all_traffic_by_default(objects: Objects) -> None:
    policies = named(objects["deny"], "NetworkPolicy")
    assert set(policies) == {
        (namespace, "default-deny") for namespace in ("ml-training", "ml-serving", "ml-monitoring", "ml-evaluation")
    }
    for policy in policies.values():
        assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_training_accepts_nothing_and_reaches_dns_data_lake_and_registry(objects: Objects) -> None:
    spec = named(objects["allow"], "NetworkPolicy")["ml-training", "allow-training"]["spec"]
    assert spec["podSelector"] == {"matchLabels": {"app": "training-job"}}
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    dns, lake, registry = spec["egress"]
    assert dns["ports"] == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    assert lake["to"] == [{"ipBlock": {"cidr": "10.0.100.0/24"}}]
    assert registry["to"] == [{"ipBlock": {"cidr": "10.0.50.0/24"}}]


def test_serving_accepts_only_the_gateway(objects: Objects) -> None:
    spec = named(objects["allow"], "NetworkPolicy")["ml-serving", "allow-serving"]["spec"]
    assert spec["ingress"] == [
        {
            "from": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "api-gateway"}},
                    "podSelector": {"matchLabels": {"app": "gateway"}},
                }
            ],
            "ports": [{"protocol": "TCP", "port": 8080}, {"protocol": "TCP", "port": 8081}],
        }
    ]
    assert [rule["to"][0].get("ipBlock") for rule in spec["egress"]] == [None, {"cidr": "10.0.50.0/24"}]


def test_monitoring_reaches_dns_and_the_exporters_of_the_gpu_stack(objects: Objects) -> None:
    spec = named(objects["allow"], "NetworkPolicy")["ml-monitoring", "allow-monitoring"]["spec"]
    assert "ingress" not in spec
    _dns, *exporters = spec["egress"]
    assert exporters == [
        {
            "to": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
                    "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
                }
            ],
            "ports": [{"protocol": "TCP", "port": port}],
        }
        for name, port in (("dcgm-exporter", 9400), ("falco", 8765))
    ]


def test_one_more_stage_gets_everything(objects: Objects) -> None:
    spec = named(objects["allow"], "NetworkPolicy")["ml-evaluation", "allow-evaluation"]["spec"]
    assert spec["podSelector"] == {"matchLabels": {"app": "on"}}
    assert spec["egress"][1]["to"] == [{"ipBlock": {"cidr": "fd00::/64", "except": ["fd00::/96"]}}]


def test_every_object_says_where_it_belongs(objects: Objects) -> None:
    for template in ("accounts", "roles", "allow", "deny"):
        for item in objects[template]:
            assert set(item["metadata"]["labels"]) == {
                "app.kubernetes.io/part-of",
                "app.kubernetes.io/managed-by",
                "gpu-cluster.hardening/stage",
            }
