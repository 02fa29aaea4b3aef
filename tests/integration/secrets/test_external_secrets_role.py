# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what the role external_secrets applies and removes, and that wrong input and other operators stop it first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from audit_log import AuditLog
from external_secrets_server import CrdBundle
from gpu_stack import traces
from role_runs import RoleRun, RoleRunner
from sandbox_access import Kubectl
from waiting import wait_for

Json = dict[str, Any]
TRAINING, SERVING = "eso-training", "eso-serving"
NAME = "external-secrets"
CREDENTIALS = {"name": "credentials", "data": {"token": {"path": "ml/registry", "property": "token"}}}
DIGEST = f"sha256:{'a' * 64}"
IMAGE = {"repository": "ghcr.io/external-secrets/external-secrets", "tag": "v0.20.4"}
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def stage(name: str, namespace: str, *secrets: Json) -> Json:
    return {
        "name": name,
        "namespace": namespace,
        "service_account": {"name": f"ml-{name}"},
        "pods": {"app": name},
        "egress": ["dns"],
        "secrets": list(secrets),
    }


STAGES = [stage("training", TRAINING), stage("serving", SERVING, CREDENTIALS)]


class Role:
    """Runs the role with what every test needs."""

    def __init__(self, runner: RoleRunner, crds: CrdBundle, ca_cert: Path) -> None:
        self._runner = runner
        self.defaults: Json = {
            "gpu_cluster_stages": STAGES,
            # Nobody is there; the tests with a real Vault are in test_end_to_end.py.
            "gpu_cluster_vault_url": "https://127.0.0.1:1",
            "gpu_cluster_vault_ca_cert": str(ca_cert),
            "external_secrets_crds": str(crds.path),
            "external_secrets_crds_sha256": crds.sha256,
            "external_secrets_wait": False,
        }

    def __call__(self, *options: str, **variables: Any) -> RoleRun:
        """A run that must succeed."""
        return self._runner("external_secrets", *options, **{**self.defaults, **variables})

    def attempt(self, *options: str, **variables: Any) -> RoleRun:
        """A run that may fail."""
        return self._runner.attempt("external_secrets", *options, **{**self.defaults, **variables})


@pytest.fixture(scope="module")
def runner(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> RoleRunner:
    return RoleRunner(tmp_path_factory.mktemp("external_secrets"), kubeconfig)


@pytest.fixture(scope="module")
def role(kubectl: Kubectl, runner: RoleRunner, crds: CrdBundle) -> Iterator[Role]:
    """The role, in a cluster that has the namespaces of the stages, both of them at the level restricted."""
    for namespace in (TRAINING, SERVING):
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        kubectl(
            "create", stdin={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
        )
    ca_cert = runner.home / "ca.pem"
    ca_cert.write_text(CA, encoding="utf-8")
    role = Role(runner, crds, ca_cert)
    yield role
    role(external_secrets_state="absent", external_secrets_delete_crds=True)
    kubectl("delete", "namespace", TRAINING, SERVING)


@pytest.fixture
def installed(role: Role) -> Iterator[Role]:
    """The operator of the serving stage, and gone at the end. No operator runs, so no ExternalSecret is held."""
    role()
    yield role
    role(external_secrets_state="absent")


def held(kubectl: Kubectl, kind: str, name: str, namespace: str | None = None) -> Json:
    found = kubectl.get(kind, name, namespace)
    assert found is not None, f"there is no {kind} {name}"
    return dict(found)


def test_the_operator_and_what_it_is_to_fetch_are_there_and_a_second_run_sends_no_write(
    installed: Role, kubectl: Kubectl, audit: AuditLog
) -> None:
    fetched = held(kubectl, "externalsecret", "credentials", SERVING)["spec"]
    assert fetched["secretStoreRef"] == {"kind": "SecretStore", "name": "vault-backend"}
    assert fetched["refreshInterval"] == "1h0m0s"
    assert fetched["target"] == {"name": "credentials", "creationPolicy": "Owner", "deletionPolicy": "Retain"}
    assert fetched["data"][0]["remoteRef"]["key"] == "ml/registry"
    assert fetched["data"][0]["remoteRef"]["property"] == "token"
    vault = held(kubectl, "secretstore", "vault-backend", SERVING)["spec"]["provider"]["vault"]
    assert vault["server"] == "https://127.0.0.1:1"
    assert vault["caProvider"] == {"type": "ConfigMap", "name": "vault-ca", "key": "ca.crt"}
    assert held(kubectl, "configmap", "vault-ca", SERVING)["data"] == {"ca.crt": CA}
    assert held(kubectl, "serviceaccount", "vault-reader", SERVING)["automountServiceAccountToken"] is False
    egress = held(kubectl, "networkpolicy", f"allow-{NAME}", SERVING)["spec"]["egress"]
    service = kubectl.get("service", "kubernetes", "default")["spec"]["clusterIP"]
    assert {"ipBlock": {"cidr": f"{service}/32"}} in egress[-1]["to"], "the API server, as the cluster says it"
    kinds = kubectl("get", "crds")["items"]
    assert {item["spec"]["names"]["kind"] for item in kinds if "external-secrets.io" in item["spec"]["group"]} == {
        "ExternalSecret",
        "SecretStore",
        "GeneratorState",
    }
    assert kubectl.names("serviceaccounts", TRAINING) == {"default"}

    kubectl("wait", "deployment", NAME, "-n", SERVING, "--for=condition=Available", "--timeout=60s")
    audit.mark()
    # What is not ready gets a mark so that the operator tries again at once: no operator runs, so nothing ever is.
    again = installed()
    assert {write.resource for write in audit.requests().writes} == {"externalsecrets", "secretstores"}
    assert again.counts["configured"] == 2


def test_pods_are_let_in_at_the_level_restricted(installed: Role, kubectl: Kubectl) -> None:
    template = held(kubectl, "deployment", NAME, SERVING)["spec"]["template"]
    metadata = {"name": "probe", "namespace": SERVING, "labels": template["metadata"]["labels"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    said = kubectl.run("create", "--dry-run=server", stdin=pod)
    assert (said.returncode, said.stderr) == (0, "")


def test_check_mode_says_what_the_run_then_does(role: Role, kubectl: Kubectl, audit: AuditLog) -> None:
    audit.mark()
    foretold = role("--check", "--diff")
    assert audit.requests().writes == []
    assert kubectl.get("deployment", NAME, SERVING) is None
    assert role().counts == foretold.counts

    foretold = role("--check", external_secrets_state="absent")
    assert kubectl.get("deployment", NAME, SERVING) is not None
    assert role(external_secrets_state="absent").counts == foretold.counts


def test_absent_leaves_no_trace_but_the_kinds_unless_told(role: Role, kubectl: Kubectl, audit: AuditLog) -> None:
    role(external_secrets_mode="cluster", external_secrets_replicas=2)
    assert {f"Deployment/{NAME}", f"Namespace/{NAME}", "ClusterSecretStore/vault-backend"} <= set(traces(kubectl, NAME))
    role(external_secrets_state="absent", external_secrets_mode="cluster")
    assert traces(kubectl, NAME) == []
    assert kubectl.get("namespace", NAME) is None
    assert kubectl.get("crd", "externalsecrets.external-secrets.io") is not None
    audit.mark()
    assert not role(external_secrets_state="absent").changed
    assert audit.requests().writes == []
    role(external_secrets_state="absent", external_secrets_delete_crds=True, external_secrets_wait=True)
    assert [item for item in kubectl("get", "crds")["items"] if "external-secrets.io" in item["spec"]["group"]] == []


def test_another_mode_and_a_stage_that_lost_a_secret_leave_nothing_behind(installed: Role, kubectl: Kubectl) -> None:
    installed(external_secrets_mode="cluster")
    assert held(kubectl, "deployment", NAME, NAME)["metadata"]["namespace"] == NAME
    assert kubectl.names("deployments", SERVING) == set()
    assert NAME not in kubectl.names("serviceaccounts", SERVING)
    assert kubectl.get("secretstore", "vault-backend", SERVING) is None
    store = held(kubectl, "clustersecretstore", "vault-backend")["spec"]
    assert store["conditions"] == [{"namespaces": [SERVING]}]
    assert kubectl.names("externalsecrets", SERVING) == {"credentials"}

    installed(gpu_cluster_stages=[stage("training", TRAINING, CREDENTIALS), stage("serving", SERVING)])
    kubectl("wait", "namespace", NAME, "--for=delete", "--timeout=60s")
    assert kubectl.names("clustersecretstores", SERVING) == set()
    assert kubectl.names("externalsecrets", SERVING) == set()
    assert kubectl.names("serviceaccounts", SERVING) == {"default"}
    assert kubectl.names("roles", SERVING) == set()
    assert kubectl.names("externalsecrets", TRAINING) == {"credentials"}
    assert kubectl.names("deployments", TRAINING) == {NAME}

    installed(gpu_cluster_stages=[stage("training", TRAINING), stage("serving", SERVING)])
    assert kubectl.names("externalsecrets", TRAINING) == set()
    assert kubectl.names("deployments", TRAINING) == set()
    assert kubectl.names("roles", TRAINING) == set()
    assert kubectl.get("clusterrolebinding", "gpu-cluster-vault-token-review") is None


def test_a_failure_to_fetch_is_told_within_the_deadline(role: Role) -> None:
    failed = role.attempt(external_secrets_wait=True, external_secrets_wait_timeout=3)
    assert failed.returncode != 0
    assert "Applied, but not ready" in failed.text
    assert (
        f"ExternalSecret {SERVING}/credentials: not ready after 3 s: condition Ready is not reported yet" in failed.text
    )
    role(external_secrets_state="absent")


NOWHERE = "https://127.0.0.1:1/bundle.yaml"
WRONG: list[tuple[Json, str]] = [
    ({"external_secrets_crds_sha256": "0" * 64}, f"and {'0' * 64} is expected. It is another version"),
    (
        {"external_secrets_crds": NOWHERE, "external_secrets_crds_sha256": "1" * 64},
        f"{NOWHERE} cannot be fetched",
    ),
    ({"external_secrets_crds": "http://127.0.0.1:1/x"}, "The address http://127.0.0.1:1/x has no TLS; use https."),
    ({"external_secrets_crds": "/nowhere.yaml"}, "The file /nowhere.yaml cannot be read: No such file"),
    ({"gpu_cluster_vault_url": "http://127.0.0.1:1"}, "gpu_cluster_vault_url: has no TLS"),
    ({"gpu_cluster_vault_url": "https://vault.example.com"}, "vault.example.com is a name, and a NetworkPolicy"),
    ({"gpu_cluster_vault_ca_cert": "/nowhere.pem"}, "gpu_cluster_vault_ca_cert: /nowhere.pem cannot be read"),
    (
        {"gpu_cluster_stages": [stage("s", SERVING, {**CREDENTIALS, "data": {"a b": {"path": "x"}}})]},
        "a key of a Secret must be 1 to 253 of A-Z a-z 0-9 - _ .",
    ),
    ({"external_secrets_mode": "adopt"}, "There is no External Secrets Operator to adopt."),
    ({"external_secrets_generators": ["Dice"]}, "external_secrets_generators[0]: 'Dice' is not one of"),
    ({"external_secrets_image": {**IMAGE, "tag": "v0.16.2"}}, "'v0.16.2' is older than 0.17.0"),
    ({"external_secrets_image": {**IMAGE, "tag": "latest"}}, "external_secrets_image.tag"),
    ({"external_secrets_resources": {"limits": {"memory": "x"}}}, f"Deployment {SERVING}/{NAME}"),
]


@pytest.mark.parametrize(("variables", "message"), WRONG)
def test_wrong_input_is_refused_and_nothing_is_written(
    role: Role, kubectl: Kubectl, audit: AuditLog, variables: Json, message: str
) -> None:
    audit.mark()
    failed = role.attempt(**variables)
    assert failed.returncode != 0
    assert message in failed.text
    assert audit.requests().writes == []
    assert kubectl.get("deployment", NAME, SERVING) is None


def operator_of_others(namespace: str, *args: str) -> list[Json]:
    """A Deployment, an account and rights as the chart makes them."""
    labels = {"app.kubernetes.io/name": NAME}
    container = {"name": NAME, "image": f"{IMAGE['repository']}:v0.19.2", "args": list(args)}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "eso", "namespace": namespace},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"serviceAccountName": "eso", "containers": [container]},
                },
            },
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "eso-controller"},
            "rules": [
                {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch", "create", "update"]},
                {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "eso-controller"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "eso-controller"},
            "subjects": [{"kind": "ServiceAccount", "name": "eso", "namespace": namespace}],
        },
    ]


@contextmanager
def others(kubectl: Kubectl, namespace: str, *args: str) -> Iterator[None]:
    """Somebody else's operator for as long as it lasts."""
    objects = operator_of_others(namespace, *args)
    for manifest in objects:
        kubectl("create", stdin=manifest)
    try:
        yield
    finally:
        for manifest in objects:
            kubectl("delete", stdin=manifest)


def test_an_operator_of_others_is_not_joined_by_a_second_one_but_adopted_when_told(
    role: Role, kubectl: Kubectl, namespace: str, audit: AuditLog
) -> None:
    role()  # brings the kinds, as the chart of the other operator would
    role(external_secrets_state="absent")
    with others(kubectl, namespace):
        audit.mark()
        refused = role.attempt()
        assert refused.returncode != 0
        assert f"{namespace}/eso works on the same ExternalSecrets already. Remove it, or set" in refused.text
        assert audit.requests().writes == []

        adopted = role(external_secrets_mode="adopt")
        for told in (
            f"Deployment {namespace}/eso (v0.19.2) is an External Secrets Operator that is there already",
            "it reads the Secrets of all namespaces; it writes Secrets in all namespaces; it gets a token of any",
        ):
            assert told in adopted.text
        assert kubectl.names("deployments", SERVING) == set()
        assert kubectl.names("secretstores", SERVING) == {"vault-backend"}
        assert kubectl.names("externalsecrets", SERVING) == {"credentials"}
        role(external_secrets_state="absent", external_secrets_mode="adopt")
        assert traces(kubectl, NAME) == []
        assert kubectl.get("deployment", "eso", namespace) is not None


def test_an_operator_that_is_limited_to_a_namespace_of_others_is_no_rival(
    role: Role, kubectl: Kubectl, namespace: str
) -> None:
    with others(kubectl, namespace, f"--namespace={namespace}"):
        role()
        assert kubectl.names("deployments", SERVING) == {NAME}
        role(external_secrets_state="absent")


def old_kinds() -> list[Json]:
    """What an operator before 0.16 serves."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    versions = [{"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]
    return [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{kind.lower()}s.external-secrets.io"},
            "spec": {
                "group": "external-secrets.io",
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()},
                "versions": versions,
            },
        }
        for kind in ("ExternalSecret", "SecretStore")
    ]


def test_an_operator_that_serves_only_v1beta1_is_an_error_and_nothing_is_written(
    role: Role, kubectl: Kubectl, namespace: str, audit: AuditLog
) -> None:
    role(external_secrets_state="absent", external_secrets_delete_crds=True, external_secrets_wait=True)
    for manifest in old_kinds():
        kubectl("create", stdin=manifest)
    served(kubectl, "external-secrets.io/v1beta1")
    try:
        with others(kubectl, namespace):
            audit.mark()
            failed = role.attempt(external_secrets_mode="adopt")
            assert failed.returncode != 0
            assert (
                "does not serve ExternalSecret (external-secrets.io/v1). It is served as external-secrets.io/v1beta1"
                in (failed.text)
            )
            assert audit.requests().writes == []
    finally:
        for manifest in old_kinds():
            kubectl("delete", stdin=manifest)


def served(kubectl: Kubectl, api_version: str) -> None:
    wait_for(lambda: kubectl.run("get", "--raw", f"/apis/{api_version}").returncode == 0, f"{api_version} is served")


def test_admission_policies_let_it_pass_with_the_exemptions_that_it_names(
    role: Role, runner: RoleRunner, kubectl: Kubectl, audit: AuditLog
) -> None:
    policies: Json = {
        "gpu_cluster_stages": STAGES,
        "admission_policies_pods_actions": ["Deny"],
        "admission_policies_trial_stages": [],
        "admission_policies_registries": ["ghcr.io/external-secrets"],
    }
    pinned = {"external_secrets_image": {**IMAGE, "digest": DIGEST}}
    runner("admission_policies", **policies)
    try:
        enforced(kubectl)
        audit.mark()
        refused = role.attempt(**pinned)
        assert refused.returncode != 0
        assert "lists Secrets" in refused.text
        assert "holds a token for the API server" in refused.text
        assert audit.requests().writes == []

        exempt = [
            {"policy": policy, "namespace": SERVING, "name": NAME, "reason": "It is the operator."}
            for policy in ("rbac", "pods")
        ]
        runner("admission_policies", **policies, admission_policies_exemptions=exempt)
        # Policies take a moment to be seen by the API server.
        wait_for(lambda: role.attempt(**pinned).returncode == 0, "the exemptions are seen", seconds=120)
        kubectl("wait", "deployment", NAME, "-n", SERVING, "--for=condition=Available", "--timeout=60s")
    finally:
        runner("admission_policies", **policies, admission_policies_state="absent")
        role(external_secrets_state="absent")


def enforced(kubectl: Kubectl) -> None:
    """Wait until the API server refuses what the policies are to refuse."""
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]
    metadata = {"name": "canary", "namespace": SERVING}
    canary = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules}
    wait_for(
        lambda: kubectl.run("create", "--dry-run=server", stdin=canary).returncode != 0,
        f"it is refused: {json.dumps(canary)}",
    )
