# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user may ask for in Vault, what is refused, and the policy and role that it stands for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.grants import (
    Access,
    Grant,
    made_for,
    policy_text,
    read_access,
    role_body,
)

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
SERVING = {"stage": "serving", "namespace": "ml-serving", "paths": ["ml/signing", "ml/registry", "ml/registry"]}
PARAMS = {
    "state": "present",
    "kv_mount": "secret",
    "auth_mount": "kubernetes",
    "role_prefix": "gpu-cluster-",
    "service_account": "vault-reader",
    "audience": "vault",
    "token_ttl": "10m",
    "token_max_ttl": "1h30m",
    "kubernetes_host": "https://10.0.0.10:6443/",
    "kubernetes_ca_cert": f"{CA}\n",
    "disable_local_ca_jwt": True,
    "token_reviewer_jwt": None,
    "update_token_reviewer_jwt": "on_create",
    "grants": [SERVING],
}
POLICY = """\
# Made by gpu_cluster.hardening for stage serving, auth mount kubernetes.

path "secret/data/ml/registry" {
  capabilities = ["read"]
}

path "secret/data/ml/signing" {
  capabilities = ["read"]
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
}
"""


def read(**changes: Any) -> Access:
    return read_access({**PARAMS, **changes})


def test_a_policy_reads_exactly_the_paths_of_the_stage_each_once() -> None:
    access = read()
    assert policy_text(access, access.grants[0]) == POLICY


def test_a_policy_tells_for_which_auth_mount_it_was_made() -> None:
    assert made_for(POLICY) == "kubernetes"
    assert made_for('path "secret/*" { capabilities = ["read"] }') == ""
    assert made_for(f"# Mine.\n{POLICY}") == ""


def test_a_role_binds_one_account_of_one_namespace_and_one_audience_to_one_policy() -> None:
    access = read()
    role = role_body(access, access.grants[0])
    assert role["bound_service_account_names"] == ["vault-reader"]
    assert role["bound_service_account_namespaces"] == ["ml-serving"]
    assert role["audience"] == "vault"
    assert role["token_policies"] == ["gpu-cluster-serving"]
    assert role["token_no_default_policy"] is True
    assert (role["token_ttl"], role["token_max_ttl"], role["token_num_uses"]) == (600, 5400, 0)


def test_paths_are_sorted_and_the_end_of_host_and_certificate_does_not_count() -> None:
    access = read()
    assert access.grants == (Grant("serving", "ml-serving", ("ml/registry", "ml/signing")),)
    assert access.config == {
        "kubernetes_host": "https://10.0.0.10:6443",
        "kubernetes_ca_cert": CA,
        "disable_local_ca_jwt": True,
    }


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kv_mount": "/secret"}, "kv_mount: '/secret' begins or ends with a slash"),
        ({"kv_mount": "sec*"}, "kv_mount: 'sec*' has a part that is no plain name"),
        ({"kv_mount": "sys/x"}, "kv_mount: 'sys/x' belongs to Vault itself"),
        ({"auth_mount": "auth/kubernetes"}, "auth_mount: 'auth/kubernetes' belongs to Vault itself"),
        ({"role_prefix": "GPU-"}, "role_prefix 'GPU-' must be of a-z 0-9 - _ ."),
        ({"role_prefix": "a/"}, "role_prefix 'a/' must be of a-z 0-9 - _ ."),
        ({"role_prefix": ""}, "role_prefix '' must be of a-z 0-9 - _ ."),
        ({"service_account": "Vault_Reader"}, "service_account 'Vault_Reader' must be"),
        ({"service_account": "*"}, "service_account '*' must be"),
        ({"audience": " "}, "audience is empty"),
        ({"token_ttl": "ten minutes"}, "token_ttl 'ten minutes' is no duration"),
        ({"token_ttl": ""}, "token_ttl '' is no duration"),
        ({"token_ttl": "60s"}, "token_ttl 60s is too short"),
        ({"token_ttl": "2h"}, "token_ttl 2h is longer than token_max_ttl 1h30m"),
        ({"kubernetes_host": "10.0.0.10:6443"}, "kubernetes_host '10.0.0.10:6443' is no address"),
        ({"kubernetes_host": None}, "kubernetes_host '' is no address"),
        ({"kubernetes_ca_cert": "/etc/ca.pem"}, "kubernetes_ca_cert has no certificate"),
        ({"kubernetes_ca_cert": ""}, "kubernetes_ca_cert is missing"),
        ({"token_reviewer_jwt": "secret"}, "token_reviewer_jwt is no token"),
        ({"grants": [{**SERVING, "stage": "Serving"}]}, "grants[0]: stage 'Serving' must be"),
        ({"grants": [{**SERVING, "stage": "root/../x"}]}, "grants[0]: stage 'root/../x' must be"),
        ({"grants": [{**SERVING, "namespace": "*"}]}, "grants[0]: namespace '*' must be"),
        ({"grants": [{**SERVING, "paths": []}]}, "grants[0]: paths: there must be at least one"),
        ({"grants": [{**SERVING, "paths": ["ml/*"]}]}, "grants[0]: 'ml/*' has a part that is no plain name"),
        ({"grants": [{**SERVING, "paths": ["../sys"]}]}, "grants[0]: '../sys' has a part that is no plain name"),
        ({"grants": [SERVING, SERVING]}, "grants: stage serving is there more than once"),
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        read(**changes)
    assert problem in caught.value.message


def test_all_problems_are_told_together_and_no_token_with_them() -> None:
    with pytest.raises(HardeningError) as caught:
        read(audience="", token_ttl="x", token_reviewer_jwt="canary-reviewer")
    assert caught.value.message.count("\n- ") == 3
    assert "canary-reviewer" not in caught.value.message


def test_what_is_taken_away_needs_no_cluster() -> None:
    access = read(state="absent", kubernetes_host=None, kubernetes_ca_cert=None, grants=[])
    assert access.grants == ()


@pytest.mark.parametrize(
    ("host", "warned"), [("https://127.0.0.1:6443", 1), ("https://localhost", 1), ("https://a", 0)]
)
def test_an_address_on_this_machine_is_warned_of(host: str, warned: int) -> None:
    assert len(read(kubernetes_host=host).warnings()) == warned
