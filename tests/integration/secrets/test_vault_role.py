# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that, after the role, accounts of stages read their own secrets in Vault, no others do, and none is shown."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from audit_log import AuditLog
from role_runs import RoleRun, RoleRunner
from sandbox_access import Kubectl
from vault_server import VaultError, VaultServer

API_SERVER = "https://kubernetes.default.svc"
REGISTRY, SIGNING = "ml/model-registry", "ml/model-signing"
VALUES = {REGISTRY: {"access-token": "one"}, SIGNING: {"cosign-private-key": "two"}}


@dataclass(frozen=True)
class RoleOfVault:
    """Runs the role with names that no other test uses, with the token in ``~/.vault-token``."""

    run: RoleRunner
    vault: VaultServer
    unique: str

    @property
    def variables(self) -> dict[str, Any]:
        return {
            "vault_manage": True,
            "gpu_cluster_vault_url": self.vault.url,
            "gpu_cluster_vault_ca_cert": str(self.vault.ca_cert),
            "gpu_cluster_vault_kv_mount": f"kv-{self.unique}",
            "gpu_cluster_vault_auth_mount": f"kubernetes-{self.unique}",
            "gpu_cluster_vault_role_prefix": f"gpu-{self.unique}-",
        }

    def __call__(self, *options: str, **changes: Any) -> RoleRun:
        return self.run("vault", *options, **{**self.variables, **changes})

    def refused(self, **changes: Any) -> str:
        failed = self.run.attempt("vault", **{**self.variables, **changes})
        assert failed.returncode != 0, failed.output
        return failed.text

    def traces(self) -> list[str]:
        names = self.vault.request("LIST", "sys/policies/acl")["data"]["keys"]
        mounts = [*self.vault.request("GET", "sys/mounts")["data"], *self.vault.request("GET", "sys/auth")["data"]]
        return [name for name in [*names, *mounts] if self.unique in name]


@pytest.fixture
def role(kubeconfig: Path, vault: VaultServer, tmp_path: Path) -> RoleOfVault:
    (tmp_path / ".vault-token").write_text(vault.root_token)
    return RoleOfVault(RoleRunner(tmp_path, kubeconfig), vault, uuid.uuid4().hex[:8])


@pytest.fixture
def accounts(kubectl: Kubectl) -> Iterator[None]:
    """Accounts as the role external_secrets makes them, of a stage with secrets and of one without."""
    kubectl("create", "clusterrole", "review-tokens", "--verb=create", "--resource=tokenreviews.authentication.k8s.io")
    bound = []
    for stage in ("ml-serving", "ml-training"):
        if kubectl.get("namespace", stage) is None:
            kubectl("create", "namespace", stage)
        kubectl("create", "serviceaccount", "vault-reader", "-n", stage)
        kubectl("create", "serviceaccount", "other", "-n", stage)
        bound += [f"--serviceaccount={stage}:{name}" for name in ("vault-reader", "other")]
    kubectl("create", "clusterrolebinding", "review-tokens", "--clusterrole=review-tokens", *bound)
    yield
    kubectl("delete", "clusterrolebinding,clusterrole", "review-tokens")
    for stage in ("ml-serving", "ml-training"):
        kubectl("delete", "serviceaccount", "vault-reader", "other", "-n", stage)


def token(kubectl: Kubectl, namespace: str, account: str, *audiences: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": audiences}}
    return str(yaml.safe_load(kubectl.run("create", "--raw", path, stdin=body).stdout)["status"]["token"])


@pytest.mark.usefixtures("accounts")
def test_the_account_of_a_stage_reads_its_own_secrets_and_nobody_else_does(role: RoleOfVault, kubectl: Kubectl) -> None:
    training = {"name": "data", "data": {"key": {"path": "ml/data-lake", "property": "key"}}}
    stages = yaml.safe_load(Path(__file__).parents[3].joinpath("roles/cluster/defaults/main.yml").read_text())
    stages["gpu_cluster_default_stages"][0]["secrets"] = [training]
    values = {**VALUES, "ml/data-lake": {"key": "three"}}
    done = role(vault_values=values, gpu_cluster_stages=stages["gpu_cluster_default_stages"])
    assert "Values are missing" not in done.text
    auth, kv, prefix = f"kubernetes-{role.unique}", f"kv-{role.unique}", f"gpu-{role.unique}-"

    both = ("vault", API_SERVER)
    client = role.vault.login(auth, f"{prefix}serving", token(kubectl, "ml-serving", "vault-reader", *both))
    for path, expected in VALUES.items():
        assert role.vault.request("GET", f"{kv}/data/{path}", token=client)["data"]["data"] == expected
    refused = [("GET", f"{kv}/data/ml/data-lake"), ("LIST", f"{kv}/metadata/ml"), ("GET", f"{kv}/metadata/{REGISTRY}")]
    for method, path in [*refused, ("DELETE", f"{kv}/data/{REGISTRY}"), ("GET", "cubbyhole/x")]:
        with pytest.raises(VaultError, match="403"):
            role.vault.request(method, path, token=client)
    own = role.vault.request("GET", "auth/token/lookup-self", token=client)["data"]
    assert (own["policies"], own["creation_ttl"], own["explicit_max_ttl"]) == ([f"{prefix}serving"], 600, 0)
    role.vault.request("POST", "auth/token/revoke-self", token=client)

    for namespace, account, stage, audiences in (
        ("ml-training", "vault-reader", "serving", both),
        ("ml-serving", "vault-reader", "training", both),
        ("ml-serving", "other", "serving", both),
        ("ml-serving", "vault-reader", "serving", (API_SERVER,)),
    ):
        with pytest.raises(VaultError, match=r"403|400"):
            role.vault.login(auth, f"{prefix}{stage}", token(kubectl, namespace, account, *audiences))


def test_a_second_run_writes_neither_to_vault_nor_to_the_cluster(role: RoleOfVault, audit: AuditLog) -> None:
    # Five objects and two values; the values are looked at once before anything is written.
    assert role(vault_values=VALUES).counts == {"created": 9}
    written = role.vault.audit
    audit.mark()
    second = role(vault_values=VALUES)
    assert not second.changed and second.counts == {"unchanged": 9}
    assert written.writes == [] and audit.requests().writes == []


def test_check_mode_says_what_the_run_then_does(role: RoleOfVault) -> None:
    written = role.vault.audit
    foretold = role("--check", "--diff", vault_values=VALUES)
    assert written.writes == [] and role.traces() == []
    done = role(vault_values=VALUES)
    assert foretold.counts == done.counts
    assert {write.path.partition("/")[0] for write in written.writes} == {"sys", "auth", f"kv-{role.unique}"}


@pytest.mark.parametrize("off", [{"vault_manage": False}, {"gpu_cluster_vault_url": ""}])
def test_unless_asked_it_does_nothing(role: RoleOfVault, off: dict[str, Any]) -> None:
    asked = role.vault.audit
    assert not role(**off).changed
    assert asked.requests() == []


def test_the_cluster_is_that_of_the_kubeconfig_unless_vault_reaches_it_otherwise(
    role: RoleOfVault, kubectl: Kubectl
) -> None:
    cluster = yaml.safe_load(kubectl.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
    done = role()
    config = f"auth/kubernetes-{role.unique}/config"
    first = role.vault.request("GET", config)["data"]
    assert first["kubernetes_host"] == cluster["server"]
    assert "BEGIN CERTIFICATE" in first["kubernetes_ca_cert"]
    assert f"kubernetes_host {cluster['server']} is only what a Vault on this machine can reach" in done.text

    other = {"vault_kubernetes_host": "https://10.0.0.10:6443", "vault_kubernetes_ca_cert": str(role.vault.ca_cert)}
    assert "is only what a Vault" not in role(**other).text
    second = role.vault.request("GET", config)["data"]
    assert second["kubernetes_host"] == "https://10.0.0.10:6443"
    assert second["kubernetes_ca_cert"] == role.vault.ca_cert.read_text(encoding="utf-8").strip()

    moved = {**other, "vault_kubernetes_host": "https://10.0.0.11:6443"}
    assert "is set up for the cluster https://10.0.0.10:6443" in role.refused(**moved)
    role(vault_force=True, **moved)
    assert role.vault.request("GET", config)["data"]["kubernetes_host"] == "https://10.0.0.11:6443"


def test_values_that_a_stage_needs_and_vault_does_not_have_are_told(role: RoleOfVault) -> None:
    warned = role(vault_values={REGISTRY: {"acces-token": "one"}})
    assert f"{REGISTRY} has no property access-token (did you mean acces-token?), which key registry-tok" in warned.text
    assert f"nothing is at {SIGNING}, which key signing-key" in warned.text
    written = role.vault.audit
    failed = role.refused(vault_missing_values="fail", vault_values={REGISTRY: {"more": "two"}})
    assert "Values are missing in Vault" in failed and "and nothing was written (2 problems)" in failed
    assert written.writes == []
    role(vault_missing_values="fail", vault_values=VALUES)


def test_absent_leaves_no_trace_but_the_mounts_and_these_if_asked(role: RoleOfVault) -> None:
    role(vault_values=VALUES)
    assert role(vault_state="absent").counts == {"deleted": 2}
    assert sorted(role.traces()) == [f"kubernetes-{role.unique}/", f"kv-{role.unique}/"]
    written = role.vault.audit
    assert not role(vault_state="absent").changed and written.writes == []
    role(vault_state="absent", vault_delete_auth_mount="empty", vault_delete_kv_mount="always")
    assert role.traces() == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"vault_token_reviewer_jwt": "a.b.c"}, "set gpu_cluster_vault_self_review to false"),
        ({"vault_url": "https://127.0.0.1:1", "vault_retry_timeout": 1}, "Vault https://127.0.0.1:1 cannot be reached"),
        ({"vault_token_file": "nothing"}, "there is no token; set token or VAULT_TOKEN"),
        ({"vault_values": {REGISTRY: {"port": 1}}}, "property port must be a string, and is of type int; quote it"),
    ],
)
def test_wrong_settings_are_refused(role: RoleOfVault, variables: dict[str, Any], message: str) -> None:
    assert message in role.refused(**variables)
    assert role.traces() == []


def command_lines(done: threading.Event) -> set[str]:
    """Everything that stands in a process list until the event."""
    seen: set[str] = set()
    while not done.wait(0.02):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return seen


@pytest.mark.parametrize(
    "trouble", [{}, {"vault_missing_values": "fail"}, {"vault_values": {REGISTRY: "{{ canary }}"}}]
)
def test_no_value_and_no_token_is_in_any_output_file_or_process_list(
    role: RoleOfVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trouble: dict[str, Any]
) -> None:
    role = replace(role, run=replace(role.run, started=True))
    canary = f"canary-{uuid.uuid4().hex}"
    monkeypatch.setenv("CANARY", canary)
    variables = {
        **role.variables,
        "canary": "{{ lookup('ansible.builtin.env', 'CANARY') }}",
        "vault_values": {REGISTRY: {"access-token": "{{ canary }}"}},
        **trouble,
    }
    done, seen = threading.Event(), []
    watcher = threading.Thread(target=lambda: seen.append(command_lines(done)))
    watcher.start()
    try:
        run = role.run.attempt("vault", "-vvvv", "--diff", **variables)
    finally:
        done.set()
        watcher.join()
    assert (run.returncode == 0) == (not trouble), run.output
    (lines,) = seen
    assert any("ansible-playbook" in line for line in lines)
    for secret in (canary, role.vault.root_token):
        assert secret not in run.output
        assert not any(secret in line for line in lines)
        kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".vault-token"]
        assert [path for path in kept if secret.encode() in path.read_bytes()] == []
    if not trouble:
        assert role.vault.get(f"kv-{role.unique}", REGISTRY)["data"] == {"access-token": canary}
        assert re.search(r"<masked, new>", run.output)
