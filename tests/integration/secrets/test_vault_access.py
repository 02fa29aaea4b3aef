# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what vault_access makes in a real Vault, that it writes only what differs, and what it refuses to touch."""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.access import bring_about
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.client import Answer, VaultClient
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.connection import VaultSettings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.grants import Access, Grant
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.vault.plan import plan_present
from sandbox_access import CHECKOUT
from token_server import make_pair
from vault_server import VaultError, VaultServer, running_vault
from vault_side import CA, SERVING, TRAINING, VaultSide, vault_side
from waiting import wait_for

README = CHECKOUT / "roles" / "vault" / "README.md"


@pytest.fixture
def side(vault: VaultServer, tmp_path: Path) -> VaultSide:
    return vault_side(vault, tmp_path)


@pytest.fixture
def made(side: VaultSide) -> VaultSide:
    side.access()
    return side


def test_an_empty_vault_gets_all_that_two_stages_need(side: VaultSide) -> None:
    result = side.access()
    assert result["changed"] and result["counts"] == {"created": 7}
    kv = side.get(f"sys/mounts/{side.kv}")
    assert kv is not None and (kv["type"], kv["options"]) == ("kv", {"version": "2"})
    config = side.get(f"auth/{side.auth}/config")
    assert config is not None and config["kubernetes_host"] == "https://10.0.0.10:6443"
    assert (config["kubernetes_ca_cert"], config["disable_local_ca_jwt"]) == (CA, True)
    assert config["token_reviewer_jwt_set"] is False
    role = side.role("serving")
    assert role is not None and role["bound_service_account_names"] == ["vault-reader"]
    assert role["bound_service_account_namespaces"] == ["ml-serving"]
    assert (role["audience"], role["token_policies"]) == ("vault", [f"{side.prefix}serving"])
    assert (role["token_ttl"], role["token_max_ttl"], role["token_no_default_policy"]) == (600, 1800, True)


def test_the_policy_of_a_stage_opens_its_paths_and_nothing_else(made: VaultSide) -> None:
    token = made.vault.request(
        "POST", "auth/token/create", {"policies": [f"{made.prefix}serving"], "no_default_policy": True}
    )["auth"]["client_token"]
    paths = {
        f"{made.kv}/data/ml/model-registry": ["read"],
        f"{made.kv}/data/ml/model-signing": ["read"],
        f"{made.kv}/data/ml/model-registry/below": ["deny"],
        f"{made.kv}/data/ml/data-lake": ["deny"],
        f"{made.kv}/metadata/ml/model-registry": ["deny"],
        f"{made.kv}/data/ml": ["deny"],
        "auth/token/lookup-self": ["read"],
        "auth/token/revoke-self": ["update"],
        "auth/token/create": ["deny"],
        "cubbyhole/x": ["deny"],
    }
    held = made.vault.request("POST", "sys/capabilities", {"token": token, "paths": list(paths)})["data"]
    assert {path: held[path] for path in paths} == paths


def test_a_second_run_writes_nothing(made: VaultSide) -> None:
    audit = made.vault.audit
    result = made.access()
    assert not result["changed"] and result["counts"] == {"unchanged": 7} and result["diff"] == []
    assert audit.writes == []


def test_check_mode_says_what_the_run_then_does_and_writes_nothing(side: VaultSide) -> None:
    audit = side.vault.audit
    foretold = side.access(check=True)
    assert audit.writes == [] and side.traces() == []
    done = side.access()
    assert (foretold["objects"], foretold["diff"]) == (done["objects"], done["diff"])
    assert len(audit.writes) == 7

    foretold = side.access(check=True, grants=[SERVING], token_ttl="5m")
    done = side.access(grants=[SERVING], token_ttl="5m")
    assert done["counts"] == {"unchanged": 4, "configured": 1, "deleted": 2}
    assert (foretold["objects"], foretold["diff"]) == (done["objects"], done["diff"])


def test_what_somebody_changed_is_changed_back_and_nothing_else_is_written(made: VaultSide) -> None:
    policy, role = f"sys/policies/acl/{made.prefix}serving", f"auth/{made.auth}/role/{made.prefix}serving"
    before = made.policy("serving"), made.role("serving")
    made.vault.request("PUT", policy, {"policy": f'{made.policy("serving")}path "*" {{ capabilities = ["read"] }}'})
    made.vault.request("POST", role, {"bound_service_account_namespaces": "*", "token_ttl": "24h", "token_max_ttl": 0})
    audit = made.vault.audit
    assert made.access()["counts"] == {"unchanged": 5, "configured": 2}
    assert [write.path for write in audit.writes] == [policy, role]
    assert (made.policy("serving"), made.role("serving")) == before


def test_a_stage_without_secrets_loses_its_right_and_others_keep_theirs(made: VaultSide) -> None:
    foreign = f"{made.prefix}foreign"
    made.vault.request("PUT", f"sys/policies/acl/{foreign}", {"policy": 'path "x" { capabilities = ["read"] }'})
    made.access(grants=[SERVING])
    assert (made.policy("training"), made.role("training")) == (None, None)
    assert made.policy("serving") and made.role("serving") and made.policy("foreign")


def test_what_is_nobodys_is_taken_away_and_mounts_only_if_asked(made: VaultSide) -> None:
    mounts = [f"sys/mounts/{made.kv}", f"sys/auth/{made.auth}"]
    assert made.access(state="absent", check=True)["counts"] == {"deleted": 4}
    assert len(made.traces()) == 6
    assert made.access(state="absent")["counts"] == {"deleted": 4}
    assert made.traces() == mounts
    audit = made.vault.audit
    assert not made.access(state="absent")["changed"] and audit.writes == []

    made.vault.put(made.kv, "ml/model-registry", token="kept")
    kept = made.access(state="absent", delete_kv_mount="empty", delete_auth_mount="empty")
    assert kept["objects"] == [
        {"kind": "AuthMount", "name": made.auth, "action": "deleted", "reason": ""},
        {"kind": "KVMount", "name": made.kv, "action": "kept", "reason": "it has values"},
    ]
    assert made.vault.get(made.kv, "ml/model-registry")["data"] == {"token": "kept"}
    made.access(state="absent", delete_kv_mount="always")
    assert made.traces() == []


def test_a_mount_that_was_there_before_is_used_and_never_deleted(side: VaultSide) -> None:
    side.vault.enable_kv(side.kv)
    assert side.access()["counts"] == {"created": 6, "unchanged": 1}
    gone = side.access(state="absent", delete_kv_mount="always", delete_auth_mount="always")
    assert gone["counts"] == {"deleted": 5, "kept": 1}
    assert side.traces() == [f"sys/mounts/{side.kv}"]


def a_kv_of_version_1(side: VaultSide) -> None:
    side.vault.enable_kv(side.kv, version=1)


def another_auth_method(side: VaultSide) -> None:
    side.vault.request("POST", f"sys/auth/{side.auth}", {"type": "userpass"})


def a_mount_below(side: VaultSide) -> None:
    side.vault.enable_kv(f"{side.kv}/team")


def another_cluster(side: VaultSide) -> None:
    side.access(kubernetes_host="https://10.9.9.9:6443", grants=[])


def a_policy_of_others(side: VaultSide) -> None:
    side.vault.request(
        "PUT", f"sys/policies/acl/{side.prefix}serving", {"policy": 'path "x" { capabilities = ["read"] }'}
    )


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (
            a_kv_of_version_1,
            "{kv} is a KV engine of version 1, and only version 2 checks what it replaces. Upgrade it with",
        ),
        (
            another_auth_method,
            "auth/{auth} is of type userpass, not kubernetes; choose another gpu_cluster_vault_auth_m",
        ),
        (a_mount_below, "{kv} cannot be mounted, as {kv}/team is; choose another path"),
        (
            another_cluster,
            "auth/{auth} is set up for the cluster https://10.9.9.9:6443, not https://10.0.0.10:6443. Give",
        ),
        (
            a_policy_of_others,
            "there is a policy {prefix}serving that this collection did not make; choose another gpu_",
        ),
    ],
)
def test_what_is_in_the_way_is_told_and_nothing_is_written(
    side: VaultSide, prepare: Callable[[VaultSide], None], message: str
) -> None:
    prepare(side)
    before, audit = side.traces(), side.vault.audit
    for check in (True, False):
        assert message.format(kv=side.kv, auth=side.auth, prefix=side.prefix) in side.refused_access(check)
    assert audit.writes == [] and side.traces() == before


def test_what_is_anothers_is_taken_over_by_force(side: VaultSide) -> None:
    another_cluster(side)
    a_policy_of_others(side)
    side.access(force=True)
    config = side.get(f"auth/{side.auth}/config")
    assert config is not None and config["kubernetes_host"] == "https://10.0.0.10:6443"
    assert "model-registry" in str(side.policy("serving"))


def test_the_token_of_a_reviewer_is_written_once_and_shown_nowhere(side: VaultSide) -> None:
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
    first = side.access(token_reviewer_jwt=jwt)
    config = side.get(f"auth/{side.auth}/config")
    assert config is not None and config["token_reviewer_jwt_set"] is True
    audit = side.vault.audit
    assert not side.access(token_reviewer_jwt=jwt)["changed"] and audit.writes == []
    renewed = side.access(token_reviewer_jwt=jwt, update_token_reviewer_jwt="always")
    assert renewed["counts"] == {"unchanged": 6, "configured": 1}
    assert jwt not in f"{first}{renewed}"
    side.access()
    config = side.get(f"auth/{side.auth}/config")
    assert config is not None and config["token_reviewer_jwt_set"] is False


def readme_policy(side: VaultSide) -> str:
    """The policy that the README says is enough, with the names of this test."""
    (text,) = re.findall(r"```hcl\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    for name, own in (("gpu-cluster-", side.prefix), ("kubernetes", side.auth), ("secret/", f"{side.kv}/")):
        text = text.replace(name, own)
    return text.replace('mounts/secret"', f'mounts/{side.kv}"')


def test_the_policy_of_the_readme_is_enough(side: VaultSide) -> None:
    token = side.token(readme_policy(side))
    assert side.access(token=token)["counts"] == {"created": 7}
    side.secrets(token=token, values={"ml/model-registry": {"access-token": "one"}})
    side.secrets(token=token, values={"ml/model-registry": {"other": "two"}}, expected=[{"path": "ml/model-signing"}])
    assert side.vault.get(side.kv, "ml/model-registry")["data"] == {"access-token": "one", "other": "two"}
    assert side.access(token=token, state="absent")["counts"] == {"deleted": 4}


@pytest.mark.parametrize("check", [True, False])
def test_all_rights_that_are_missing_are_told_before_the_first_write(side: VaultSide, check: bool) -> None:
    read_only = (
        'path "*" { capabilities = ["read", "list"] }\npath "sys/capabilities-self" { capabilities = ["update"] }'
    )
    token = side.token(read_only)
    audit = side.vault.audit
    message = side.refused_access(check, token=token)
    assert "Rights are missing in Vault, so nothing was written (7 problems)" in message
    assert (
        f"sys/auth/{side.auth}: the token of Vault {side.vault.url} lacks the capability create or update and sudo"
        in message
    )
    assert (
        f"auth/{side.auth}/role/{side.prefix}serving: the token of Vault {side.vault.url} lacks the capability create"
        in message
    )
    assert audit.writes == [] and side.traces() == []

    nothing = side.refused_access(check, token=side.token('path "x" { capabilities = ["read"] }'))
    assert "sys/mounts: the token" in nothing and "sys/auth: the token" in nothing
    assert "sys/policies/acl: the token" in nothing and "lacks the capability list" in nothing


def test_a_login_by_app_role_works_and_its_token_is_revoked(side: VaultSide) -> None:
    mount, policy = f"approle-{side.prefix}x", f"admin-{side.prefix}x"
    side.vault.request("POST", f"sys/auth/{mount}", {"type": "approle"})
    everything = 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }'
    side.vault.request("PUT", f"sys/policies/acl/{policy}", {"policy": everything})
    role = f"auth/{mount}/role/ansible"
    side.vault.request("POST", role, {"token_policies": policy})
    login = {
        "auth_method": "approle",
        "mount_point": mount,
        "role_id": side.get(f"{role}/role-id")["role_id"],  # type: ignore[index]
        "secret_id": side.vault.request("POST", f"{role}/secret-id", {})["data"]["secret_id"],
        "token": None,
    }
    audit = side.vault.audit
    assert side.access(**login)["counts"] == {"created": 7}
    assert [request.error for request in audit.requests() if request.path == "auth/token/revoke-self"] == [""]
    assert f"does not let us in at auth/{mount}/login" in side.refused_access(**{**login, "secret_id": "canary"})


def is_valid(side: VaultSide, token: str) -> bool:
    try:
        side.vault.request("GET", "auth/token/lookup-self", token=token)
    except VaultError:
        return False
    return True


def test_a_token_that_was_revoked_has_expired_or_never_was_is_told(side: VaultSide) -> None:
    revoked, expired = (side.token('path "*" { capabilities = ["read", "list"] }', ttl=ttl) for ttl in ("10m", "1s"))
    side.vault.request("POST", "auth/token/revoke", {"token": revoked})
    wait_for(lambda: not is_valid(side, expired), "the token expires")
    for wrong in (revoked, expired, f"hvs.{uuid.uuid4().hex}"):
        message = side.refused_access(token=wrong)
        assert "does not accept the token: it is wrong, has expired or was revoked" in message
        assert wrong not in message


def test_a_vault_that_is_away_or_of_another_ca_is_told(side: VaultSide, tmp_path: Path) -> None:
    other = make_pair(tmp_path, "other").certificate
    message = side.refused_access(ca_cert=str(other))
    assert f"The TLS connection to Vault {side.vault.url} failed" in message and "Check ca_cert" in message
    plain = side.vault.url.replace("https://", "http://")
    assert "Vault speaks TLS there; its address must begin with https://" in side.refused_access(url=plain)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        message = side.refused_access(url=url, timeout=1, retry_timeout=1)
        assert f"Vault {url} cannot be reached" in message and "timed out" in message
    away = side.refused_access(url="https://127.0.0.1:1", retry_timeout=1)
    assert "Vault https://127.0.0.1:1 cannot be reached" in away and "gpu_cluster_vault_url" in away


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """A Vault of this test alone."""
    with running_vault(tmp_path_factory.mktemp("fresh")) as server:
        yield server


def test_a_vault_that_is_sealed_is_told_and_serves_again_afterwards(fresh: VaultServer, tmp_path: Path) -> None:
    side = vault_side(fresh, tmp_path)
    side.access(grants=[SERVING])
    fresh.seal()
    for message in (side.refused_access(), str(side.refused_secrets()["msg"])):
        assert f"Vault {fresh.url} is sealed (0 of 1 keys are given). Unseal it with" in message
    fresh.unseal()
    assert side.access(grants=[SERVING, TRAINING])["counts"] == {"created": 2, "unchanged": 5}


def test_a_vault_that_is_not_initialised_is_told(tmp_path: Path) -> None:
    server = VaultServer(tmp_path, make_pair(tmp_path, "vault"), root_token="none")
    server.start()
    try:
        message = vault_side(server, tmp_path).refused_access()
    finally:
        server.stop()
    assert "is not initialised. Initialise it with `vault operator init`" in message


class Rivalled(VaultClient):
    """Lets somebody else send its first write of a mount just before it does."""

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> Answer:
        if method == "POST" and path.startswith("sys/mounts/"):
            super().request(method, path, body)
        return super().request(method, path, body, content_type)


def test_a_mount_that_another_run_makes_at_the_same_moment_is_used(side: VaultSide) -> None:
    config = {"kubernetes_host": "https://10.0.0.10:6443", "kubernetes_ca_cert": CA, "disable_local_ca_jwt": True}
    grant = Grant("serving", "ml-serving", ("ml/model-registry",))
    access = Access(side.kv, side.auth, side.prefix, "vault-reader", "vault", 600, 1800, config, grants=(grant,))
    client = Rivalled(VaultSettings(side.vault.url, verify=str(side.vault.ca_cert)), side.vault.root_token)
    result = bring_about(client, access, lambda live: plan_present(access, live), check_mode=False)
    assert result["counts"] == {"unchanged": 1, "created": 4}
    assert side.role("serving") is not None
