# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what Vault has to the steps that are taken: what is made, changed, left alone, refused and taken away."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.grants import (
    MOUNT_DESCRIPTION,
    Access,
    Grant,
    policy_text,
    role_body,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.live import Live
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.plan import (
    Removal,
    Step,
    plan_absent,
    plan_present,
    plan_result,
)

SERVING = Grant("serving", "ml-serving", ("ml/registry",))
TRAINING = Grant("training", "ml-training", ("ml/data",))
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
CONFIG = {"kubernetes_host": "https://10.0.0.10:6443", "kubernetes_ca_cert": CA, "disable_local_ca_jwt": True}
ACCESS = Access(
    "secret", "kubernetes", "gpu-cluster-", "vault-reader", "vault", 600, 1800, CONFIG, grants=(SERVING, TRAINING)
)
NAMES = ("gpu-cluster-serving", "gpu-cluster-training")
KV = {"type": "kv", "options": {"version": "2"}, "description": "key/value"}
# As Vault answers: more keys than are wanted, and a line break at the end of the certificate.
LIVE = Live(
    mounts={"secret": KV, "cubbyhole": {"type": "cubbyhole"}},
    auths={"kubernetes": {"type": "kubernetes", "description": ""}, "token": {"type": "token"}},
    config={
        **CONFIG,
        "kubernetes_ca_cert": f"{CA}\n",
        "token_reviewer_jwt_set": False,
        "pem_keys": ["key"],
        "issuer": "",
    },
    policies={name: policy_text(ACCESS, grant) for name, grant in zip(NAMES, ACCESS.grants, strict=True)},
    roles={
        name: {**role_body(ACCESS, grant), "token_bound_cidrs": [], "token_type": "default", "policies": [name]}
        for name, grant in zip(NAMES, ACCESS.grants, strict=True)
    },
)


def live(**changes: Any) -> Live:
    return dataclasses.replace(LIVE, **changes)


def access(**changes: Any) -> Access:
    return dataclasses.replace(ACCESS, **changes)


def changed(steps: list[Step]) -> list[tuple[str, str, str]]:
    return [(step.kind, step.name, step.action) for step in steps if step.changes]


def the_change(steps: list[Step]) -> Step:
    (step,) = (step for step in steps if step.changes)
    return step


def test_in_an_empty_vault_everything_is_made_in_the_order_in_which_it_is_needed() -> None:
    assert changed(plan_present(ACCESS, Live())) == [
        ("KVMount", "secret", "created"),
        ("AuthMount", "kubernetes", "created"),
        ("AuthConfig", "kubernetes", "created"),
        *(("Policy", name, "created") for name in NAMES),
        *(("Role", name, "created") for name in NAMES),
    ]


def test_what_is_as_wanted_is_left_alone() -> None:
    steps = plan_present(ACCESS, LIVE)
    assert changed(steps) == []
    assert plan_result(steps) | {"objects": []} == {
        "changed": False,
        "counts": {"unchanged": 7},
        "diff": [],
        "objects": [],
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bound_service_account_names", ["*"]),
        ("bound_service_account_names", ["vault-reader", "default"]),
        ("bound_service_account_namespaces", ["ml-training"]),
        ("bound_service_account_namespace_selector", "{}"),
        ("audience", None),
        ("token_policies", [NAMES[0], "admin"]),
        ("token_no_default_policy", False),
        ("token_ttl", 0),
        ("token_max_ttl", 86400),
        ("token_period", 3600),
        ("token_num_uses", 1),
        ("alias_name_source", "serviceaccount_name"),
    ],
)
def test_a_role_that_somebody_changed_is_changed_back(field: str, value: Any) -> None:
    role = {**LIVE.roles[NAMES[0]], field: value}
    step = the_change(plan_present(ACCESS, live(roles={**LIVE.roles, NAMES[0]: role})))
    assert (step.kind, step.name, step.action, step.capabilities) == ("Role", NAMES[0], "configured", ("update",))
    assert step.body == role_body(ACCESS, SERVING)
    assert step.before != step.after == step.body


def test_a_policy_that_somebody_widened_is_narrowed_again() -> None:
    wide = LIVE.policies[NAMES[0]] + 'path "*" { capabilities = ["read"] }'
    step = the_change(plan_present(ACCESS, live(policies={**LIVE.policies, NAMES[0]: wide})))
    assert (step.kind, step.path, step.action) == ("Policy", f"sys/policies/acl/{NAMES[0]}", "configured")
    assert step.body == {"policy": LIVE.policies[NAMES[0]]}


def test_of_the_configuration_only_ours_is_changed() -> None:
    step = the_change(plan_present(ACCESS, live(config={**LIVE.config, "disable_local_ca_jwt": False})))
    assert step.body == {**CONFIG, "pem_keys": ["key"], "issuer": "", "token_reviewer_jwt": ""}


@pytest.mark.parametrize(
    ("given", "has_one", "renew", "action"),
    [
        ("", False, False, None),
        ("", True, False, "configured"),
        ("a.b.c", False, False, "configured"),
        ("a.b.c", True, False, None),
        ("a.b.c", True, True, "configured"),
    ],
)
def test_the_token_of_the_reviewer_is_written_if_it_is_not_there_or_shall_be_renewed(
    given: str, has_one: bool, renew: bool, action: str | None
) -> None:
    wanted = access(reviewer_jwt=given, renew_reviewer_jwt=renew)
    steps = plan_present(wanted, live(config={**LIVE.config, "token_reviewer_jwt_set": has_one}))
    assert changed(steps) == ([("AuthConfig", "kubernetes", action)] if action else [])
    assert "a.b.c" not in str(plan_result(steps))


def test_a_stage_without_secrets_loses_its_role_and_then_its_policy() -> None:
    steps = plan_present(access(grants=(SERVING,)), LIVE)
    assert changed(steps) == [("Role", NAMES[1], "deleted"), ("Policy", NAMES[1], "deleted")]


def test_what_others_made_is_not_taken_away() -> None:
    foreign = live(
        policies={
            **LIVE.policies,
            "gpu-cluster-theirs": 'path "x" {}',
            "gpu-cluster-b-serving": policy_text(access(auth_mount="kubernetes-b"), SERVING),
        },
        roles={**LIVE.roles, "gpu-cluster-theirs": {"token_policies": ["gpu-cluster-theirs"]}},
    )
    assert changed(plan_present(ACCESS, foreign)) == []
    assert {name for _kind, name, _action in changed(plan_absent(ACCESS, foreign, Removal()))} == set(NAMES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mounts": {"secret": {"type": "kv", "options": {"version": "1"}}}}, "secret is a KV engine of version 1"),
        ({"mounts": {"secret": {"type": "kv", "options": None}}}, "secret is a KV engine of version 1"),
        ({"mounts": {"secret": {"type": "pki"}}}, "secret is a secrets engine of type pki, not kv"),
        ({"mounts": {"secret/team": KV}}, "secret cannot be mounted, as secret/team is"),
        ({"auths": {"kubernetes": {"type": "jwt"}}}, "auth/kubernetes is of type jwt, not kubernetes"),
        ({"auths": {"kubernetes/b": {"type": "jwt"}}}, "auth/kubernetes cannot be mounted, as auth/kubernetes/b is"),
    ],
)
def test_what_is_in_the_way_is_refused_whatever_is_forced(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(HardeningError) as caught:
        plan_present(ACCESS, live(**changes), force=True)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"config": {**CONFIG, "kubernetes_host": "https://10.9.9.9:6443"}},
            "auth/kubernetes is set up for the cluster https://10.9.9.9:6443, not https://10.0.0.10:6443",
        ),
        ({"policies": {NAMES[0]: 'path "x" {}'}}, f"there is a policy {NAMES[0]} that this collection did not make"),
        (
            {"policies": {NAMES[0]: policy_text(access(auth_mount="kubernetes-b"), SERVING)}},
            f"the policy {NAMES[0]} is that of the cluster with auth mount kubernetes-b",
        ),
        ({"roles": {NAMES[0]: {"token_policies": ["admin"]}}}, f"there is a role {NAMES[0]} that this collection did"),
    ],
)
def test_what_is_somebody_elses_is_taken_over_only_by_force(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(HardeningError) as caught:
        plan_present(ACCESS, live(**changes))
    assert message in caught.value.message
    assert "configured" in {
        action for _kind, _name, action in changed(plan_present(ACCESS, live(**changes), force=True))
    }


def test_absent_leaves_mounts_that_were_not_asked_for() -> None:
    assert changed(plan_absent(ACCESS, LIVE, Removal())) == [
        *(("Role", name, "deleted") for name in NAMES),
        *(("Policy", name, "deleted") for name in NAMES),
    ]
    assert changed(plan_absent(ACCESS, Live(), Removal("always", "always"))) == []


OURS = {"description": MOUNT_DESCRIPTION}


@pytest.mark.parametrize(
    ("choice", "description", "other_roles", "has_data", "expected"),
    [
        ("empty", OURS, [], False, ["deleted", "deleted"]),
        ("empty", OURS, ["theirs"], True, ["kept", "kept"]),
        ("always", OURS, ["theirs"], True, ["deleted", "deleted"]),
        ("always", {"description": "key/value"}, [], False, ["kept", "kept"]),
        ("never", OURS, [], False, []),
    ],
)
def test_a_mount_goes_only_if_it_is_ours_and_empty_or_all_of_it_shall_go(
    choice: str, description: dict[str, str], other_roles: list[str], has_data: bool, expected: list[str]
) -> None:
    there = live(
        mounts={"secret": {**KV, **description}},
        auths={"kubernetes": {"type": "kubernetes", **description}},
        other_roles=other_roles,
        has_data=has_data,
    )
    steps = [step for step in plan_absent(ACCESS, there, Removal(choice, choice)) if step.kind.endswith("Mount")]
    assert [step.action for step in steps] == expected
    assert all(step.reason for step in steps if step.action == "kept")


def test_the_diff_shows_what_changes_and_no_more() -> None:
    role = {**LIVE.roles[NAMES[0]], "token_ttl": 0}
    (diff,) = plan_result(plan_present(ACCESS, live(roles={**LIVE.roles, NAMES[0]: role})))["diff"]
    assert {key for key, value in diff["after"].items() if diff["before"][key] != value} == {"token_ttl"}
