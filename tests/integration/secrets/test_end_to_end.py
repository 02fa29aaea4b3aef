# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the whole way of a Secret: Vault, the operator as the account of its Deployment, and the real API server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from audit_log import AuditLog
from canary_watch import command_lines, tellers
from external_secrets_server import CrdBundle
from harden_runs import Playbook, recap
from sandbox_access import Kubectl, Sandbox
from secrets_chain import (
    ACCOUNT,
    API_SERVER,
    FIRST_VALUES,
    MONITORING,
    SERVING,
    TRAINING,
    Chain,
    running_chain,
)
from vault_server import VaultError, VaultServer

SECRET = "model-registry-credentials"
# In the cluster there is nobody but the operator and its users: the rest of the job has tests of its own.
SECRETS_ONLY = ("--tags", "vault,external_secrets")


@pytest.fixture(scope="module")
def chain(
    sandbox: Sandbox, vault: VaultServer, crds: CrdBundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    """The sandbox after one run of the main job, in which every stage that has Secrets got its own operator."""
    with running_chain(tmp_path_factory.mktemp("chain"), "chain", sandbox.kubectl, vault, crds) as running:
        running.harden()
        yield running


def test_the_secret_has_the_keys_and_values_that_the_stage_names(chain: Chain) -> None:
    assert chain.secret(SERVING, SECRET) == {
        "registry-token": FIRST_VALUES["ml/model-registry"]["access-token"],
        "signing-key": FIRST_VALUES["ml/model-signing"]["cosign-private-key"],
    }


def test_a_rotation_in_vault_reaches_the_secret(chain: Chain) -> None:
    chain.put("ml/model-registry", **{"access-token": "rotated"})
    chain.wait_until(lambda: (chain.secret(SERVING, SECRET) or {})["registry-token"] == "rotated")
    assert (chain.secret(SERVING, SECRET) or {})["signing-key"] == FIRST_VALUES["ml/model-signing"][
        "cosign-private-key"
    ]


def test_a_second_run_writes_nothing_to_the_api_server_nor_to_vault(
    chain: Chain, vault: VaultServer, audit: AuditLog
) -> None:
    in_vault = vault.audit
    audit.mark()
    done = chain.harden()
    assert recap(done, "one")["changed"] == 0
    assert audit.requests().writes == []
    assert in_vault.writes == []


def test_check_mode_writes_nothing_either(chain: Chain, vault: VaultServer, audit: AuditLog) -> None:
    in_vault = vault.audit
    audit.mark()
    done = chain.harden(
        *SECRETS_ONLY, "--check", "--diff", vault_token_ttl="5m", external_secrets_priority_class="high"
    )
    assert recap(done, "one")["changed"] > 0
    assert audit.requests().writes == []
    assert in_vault.writes == []


def test_a_stage_without_secrets_gets_nothing(chain: Chain, kubectl: Kubectl) -> None:
    for kind in ("secretstores", "externalsecrets", "secrets", "deployments"):
        assert kubectl.names(kind, MONITORING) == set(), kind
    assert ACCOUNT not in kubectl.names("serviceaccounts", MONITORING)


def test_the_secret_of_a_stage_is_in_no_other_namespace(chain: Chain, kubectl: Kubectl) -> None:
    found = kubectl("get", "secrets", "-A", "--field-selector", f"metadata.name={SECRET}")["items"]
    assert [item["metadata"]["namespace"] for item in found] == [SERVING]


def test_the_account_of_a_stage_reads_its_own_paths_in_vault_and_no_others(chain: Chain, vault: VaultServer) -> None:
    client = chain.login(TRAINING, "training")
    own = vault.request("GET", f"{chain.kv_mount}/data/ml/data-lake", token=client)
    assert own["data"]["data"] == FIRST_VALUES["ml/data-lake"]
    for path in ("data/ml/model-registry", "data/ml/model-signing", "metadata/ml/data-lake", "metadata?list=true"):
        with pytest.raises(VaultError, match="403"):
            vault.request("GET", f"{chain.kv_mount}/{path}", token=client)
    with pytest.raises(VaultError, match="403"):
        vault.request("POST", f"{chain.kv_mount}/data/ml/data-lake", {"data": {"access-key": "x"}}, token=client)


@pytest.mark.parametrize(
    ("namespace", "account", "audiences"),
    [
        (TRAINING, ACCOUNT, ("vault", API_SERVER)),
        (SERVING, "ml-serving", ("vault", API_SERVER)),
        (SERVING, "external-secrets", ("vault", API_SERVER)),
        (SERVING, ACCOUNT, (API_SERVER,)),
    ],
    ids=["of-another-stage", "of-its-pods", "of-the-operator", "for-another-audience"],
)
def test_no_other_token_logs_in_as_the_stage(
    chain: Chain, namespace: str, account: str, audiences: tuple[str, ...]
) -> None:
    with pytest.raises(VaultError, match=r"40[03]"):
        chain.vault.login(chain.auth_mount, "chain-serving", chain.token(namespace, *audiences, account=account))


OPERATOR = f"system:serviceaccount:{SERVING}:external-secrets"
READER = f"system:serviceaccount:{SERVING}:{ACCOUNT}"
SECRETS_STAY_INSIDE = [
    (OPERATOR, verb, "secrets", place)
    for verb in ("get", "list", "watch", "create", "update", "patch", "delete")
    for place in (TRAINING, MONITORING, "kube-system", "")
]


@pytest.mark.parametrize(
    ("who", "verb", "what", "namespace"),
    [
        *SECRETS_STAY_INSIDE,
        (OPERATOR, "update", "secrets/another", SERVING),
        (OPERATOR, "patch", "secrets/another", SERVING),
        (OPERATOR, "delete", "secrets/another", SERVING),
        (OPERATOR, "deletecollection", "secrets", SERVING),
        (OPERATOR, "create", "serviceaccounts/ml-serving --subresource=token", SERVING),
        (OPERATOR, "create", "serviceaccounts/external-secrets --subresource=token", SERVING),
        (OPERATOR, "create", f"serviceaccounts/{ACCOUNT} --subresource=token", TRAINING),
        (OPERATOR, "update", "serviceaccounts", SERVING),
        (OPERATOR, "list", "configmaps", SERVING),
        (OPERATOR, "get", "configmaps/another", SERVING),
        (OPERATOR, "create", "externalsecrets.external-secrets.io", SERVING),
        (OPERATOR, "delete", "externalsecrets.external-secrets.io", SERVING),
        (OPERATOR, "update", "secretstores.external-secrets.io", SERVING),
        (OPERATOR, "create", "pushsecrets.external-secrets.io", SERVING),
        (OPERATOR, "list", "clustersecretstores.external-secrets.io", ""),
        (OPERATOR, "create", "tokenreviews.authentication.k8s.io", ""),
        (OPERATOR, "create", "pods", SERVING),
        (OPERATOR, "create", "pods/exec", SERVING),
        (OPERATOR, "create", "rolebindings.rbac.authorization.k8s.io", SERVING),
        (OPERATOR, "escalate", "roles.rbac.authorization.k8s.io", SERVING),
        (OPERATOR, "impersonate", "serviceaccounts", SERVING),
        (OPERATOR, "list", "namespaces", ""),
        (OPERATOR, "list", "nodes", ""),
        (READER, "get", f"secrets/{SECRET}", SERVING),
        (READER, "list", "secrets", SERVING),
        (READER, "create", f"serviceaccounts/{ACCOUNT} --subresource=token", SERVING),
        (READER, "create", "subjectaccessreviews.authorization.k8s.io", ""),
        (READER, "get", "pods", SERVING),
    ],
)
def test_the_narrow_rights_are_no_wider(
    chain: Chain, kubectl: Kubectl, who: str, verb: str, what: str, namespace: str
) -> None:
    place = ["-n", namespace] if namespace else ["-A"]
    said = kubectl.run("auth", "can-i", verb, *what.split(), *place, f"--as={who}")
    assert said.stdout.strip() == "no", said.stderr


@pytest.mark.parametrize(
    ("who", "verb", "what"),
    [
        (OPERATOR, "update", f"secrets/{SECRET}"),
        (OPERATOR, "create", f"serviceaccounts/{ACCOUNT} --subresource=token"),
        (READER, "create", "tokenreviews.authentication.k8s.io"),
    ],
)
def test_the_questions_about_rights_can_be_answered_by_yes(
    chain: Chain, kubectl: Kubectl, who: str, verb: str, what: str
) -> None:
    assert kubectl.run("auth", "can-i", verb, *what.split(), "-n", SERVING, f"--as={who}").stdout.strip() == "yes"


@dataclass(frozen=True)
class Outage:
    """Something that goes wrong.

    Attributes:
        begin: lets it happen.
        end: makes it good again.
        job_says: what the main job says that manages Vault, or nothing if it puts it right.
        operator_says: what it passes on of the operator where other people manage Vault.
    """

    begin: Callable[[Chain], Any]
    end: Callable[[Chain], Any]
    job_says: str
    operator_says: str


def restart(chain: Chain) -> None:
    chain.vault.start()
    chain.vault.unseal()


OUTAGES = {
    "sealed": Outage(lambda chain: chain.vault.seal(), lambda chain: chain.vault.unseal(), "sealed", "sealed"),
    "down": Outage(lambda chain: chain.vault.stop(), restart, "cannot be reached", "connection refused"),
    "policy-revoked": Outage(
        lambda chain: chain.vault.request("DELETE", "sys/policies/acl/chain-serving"),
        lambda chain: chain.harden("--tags", "vault"),
        "",
        "denied",
    ),
    "value-deleted": Outage(
        lambda chain: chain.vault.request("DELETE", f"{chain.kv_mount}/data/ml/model-registry"),
        lambda chain: None,
        "ml/model-registry",
        "does not exist",
    ),
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
def test_an_outage_is_told_leaves_the_secret_and_passes_by_itself(chain: Chain, outage: Outage) -> None:
    chain.wait_until(lambda: chain.is_ready(SERVING, SECRET))
    before = chain.secret(SERVING, SECRET)
    outage.begin(chain)
    try:
        chain.wait_until(lambda: not chain.is_ready(SERVING, SECRET))
        told = chain.attempt(*SECRETS_ONLY, vault_manage=False, external_secrets_wait_timeout=3)
        assert told.returncode != 0
        assert f"{SERVING}/{SECRET}" in told.stdout and outage.operator_says in told.stdout
        if outage.job_says:
            settings = {"vault_retry_timeout": 1, "vault_values": {}, "vault_missing_values": "fail"}
            told = chain.attempt("--tags", "vault", **settings)
            assert told.returncode != 0 and outage.job_says in told.stdout, told.stdout
        assert chain.secret(SERVING, SECRET) == before
    finally:
        outage.end(chain)
    chain.put("ml/model-registry", **{"access-token": "after the outage"})
    chain.wait_until(lambda: chain.is_ready(SERVING, SECRET))
    chain.wait_until(lambda: (chain.secret(SERVING, SECRET) or {})["registry-token"] == "after the outage")


CANARIES = {
    "ml/model-registry": {"access-token": "canary-bird-of-the-registry-3f1c"},
    "ml/model-signing": {"cosign-private-key": "canary-bird-of-the-signing-key-9ab2"},
}


def test_no_value_is_told_by_any_log_output_diff_cache_or_command_line(
    chain: Chain, vault: VaultServer, sandbox: Sandbox, tmp_path: Path
) -> None:
    values = tmp_path / "canaries.json"
    values.write_text(json.dumps({"vault_values": CANARIES, "vault_overwrite_values": True}), encoding="utf-8")
    told = {
        "ANSIBLE_LOG_PATH": str(tmp_path / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts"),
    }
    playbook = Playbook(tmp_path, {**chain.playbook.environment, **told}, started=True)
    loud = replace(chain, playbook=playbook, values=values)
    seen: set[str] = set()
    with command_lines(seen):
        done = loud.harden(*SECRETS_ONLY, "-vvvv", "--diff")
        chain.wait_until(lambda: "canary" in (chain.secret(SERVING, SECRET) or {})["registry-token"])
    assert any("ansible-playbook" in line for line in seen)
    assert recap(done, "one")["changed"] > 0
    files = [sandbox.audit_log, vault.audit_log, vault.folder / "vault.log", *tmp_path.rglob("*")]
    texts = {str(path): path.read_bytes() for path in files if path.is_file() and path != values}
    texts |= {"output": f"{done.stdout}{done.stderr}".encode(), "operator": chain.pods.log.encode()}
    texts |= {"command lines": "\n".join(seen).encode()}
    assert (tmp_path / "ansible.log").stat().st_size > 10_000
    secrets = [value for path in CANARIES.values() for value in path.values()]
    assert tellers([*secrets, vault.root_token, vault.unseal_key], texts) == []


def test_the_search_for_values_finds_them() -> None:
    value = next(iter(CANARIES["ml/model-registry"].values()))
    texts = {
        "plain": f"token: {value}\n".encode(),
        **{f"shifted by {n}": base64.b64encode(b"x" * n + value.encode() + b"and more") for n in range(3)},
    }
    assert tellers([value], {**texts, "nothing": b"canary"}) == list(texts)


def test_the_narrow_rights_were_enough_for_all_of_that(chain: Chain) -> None:
    assert {pod.namespace for pod in chain.pods.pods} == {TRAINING, SERVING}
    assert "forbidden" not in chain.pods.log.lower()
