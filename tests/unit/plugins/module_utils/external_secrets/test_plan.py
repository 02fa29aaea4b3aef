# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what the settings of External Secrets come to, and which are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.gpu_cluster.hardening.plugins.filter import external_secrets as filter_module
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.external_secrets.plan import PLAIN, WIDE, plan
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stage_model

DEFAULTS = Path(stage_model.__file__).parents[3] / "roles/cluster/defaults/main.yml"
MODEL = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))
TRAINING, SERVING, MONITORING = MODEL["gpu_cluster_default_stages"]
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
FILES = {
    "/ca.pem": CA,
    "/other.pem": CA.replace("MIIB", "MIIC"),
    "/key.pem": f"{CA}-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n",
    "/notes.txt": "ca",
}
SETTINGS: dict[str, Any] = {
    "mode": "scoped",
    "stages": [TRAINING, SERVING, MONITORING],
    "vault": {
        "url": "https://10.0.60.7:8200",
        "namespace": "",
        "ca_cert": "/ca.pem",
        "kv_mount": "secret",
        "auth_mount": "kubernetes",
        "role_prefix": "gpu-cluster-",
        "audience": "vault",
        "self_review": True,
        "service_account": "vault-reader",
    },
    "stage_vaults": {},
    "vault_ca": {},
    "vault_egress": [],
    "vault_allow_http": False,
    "api_audience": "https://kubernetes.default.svc.cluster.local",
    "api_server": [],
    "endpoints": MODEL["gpu_cluster_endpoints"],
    "dns": MODEL["gpu_cluster_dns"],
    "metrics": False,
    "prometheus": MODEL["gpu_cluster_prometheus"],
    "push_secrets": False,
    "generators": [],
    "replicas": 1,
    "extra_args": [],
    "webhook": False,
    "repository": "registry.internal/external-secrets",
}
TRAINING_SECRETS = {**TRAINING, "secrets": [{"name": "s3", "data": {"key": {"path": "ml/s3"}}}]}
TWO = [TRAINING_SECRETS, SERVING, MONITORING]


def read_file(path: str) -> str:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return FILES[path]


def planned(**change: Any) -> Any:
    vault = {**SETTINGS["vault"], **change.pop("vault", {})}
    return plan({**SETTINGS, **change, "vault": vault}, read_file)


def to_network(cidr: str, port: int) -> dict[str, Any]:
    return {"to": [{"ipBlock": {"cidr": cidr}}], "ports": [{"protocol": "TCP", "port": port}]}


def test_by_default_one_operator_in_the_namespace_of_the_stage_reads_for_it_alone() -> None:
    found = planned()
    (operator,) = found["operators"]
    assert operator["namespace"] == "ml-serving"
    assert operator["args"][:7] == [
        "--namespace=ml-serving",
        "--enable-cluster-store-reconciler=false",
        "--enable-cluster-external-secret-reconciler=false",
        "--enable-cluster-push-secret-reconciler=false",
        "--enable-push-secret-reconciler=false",
        "--enable-generator-state=false",
        "--enable-leader-election=false",
    ]
    assert operator["egress"][1:] == [to_network("10.0.60.7/32", 8200)]
    (stage,) = found["stages"]
    assert stage["store"] == {"kind": "SecretStore", "name": "vault-backend"}
    assert stage["vault"] == {
        "server": "https://10.0.60.7:8200",
        "path": "secret",
        "version": "v2",
        "caProvider": {"type": "ConfigMap", "name": "vault-ca", "key": "ca.crt"},
        "auth": {
            "kubernetes": {
                "mountPath": "kubernetes",
                "role": "gpu-cluster-serving",
                "serviceAccountRef": {
                    "name": "vault-reader",
                    # Without its own audience the API server would not let Vault review the token with itself.
                    "audiences": ["vault", "https://kubernetes.default.svc.cluster.local"],
                },
            }
        },
    }
    assert stage["certificates"]["text"] == CA
    assert stage["config_maps"] == ["vault-ca"]
    assert stage["secrets"] == [
        {
            "name": "model-registry-credentials",
            "refresh_interval": "1h0m0s",
            "refresh_policy": "",
            "target": {
                "name": "model-registry-credentials",
                "creationPolicy": "Owner",
                "deletionPolicy": "Retain",
            },
            "data": [
                {
                    "secretKey": "registry-token",
                    "remoteRef": {"key": "ml/model-registry", "property": "access-token"},
                },
                {
                    "secretKey": "signing-key",
                    "remoteRef": {"key": "ml/model-signing", "property": "cosign-private-key"},
                },
            ],
        }
    ]
    assert [kind["kind"] for kind in found["kinds"]] == ["ExternalSecret", "SecretStore", "GeneratorState"]
    assert found["warnings"] == []


def test_one_operator_for_all_has_stores_that_are_bound_to_a_namespace_each() -> None:
    found = planned(mode="cluster", stages=TWO)
    (operator,) = found["operators"]
    assert operator["namespace"] == "external-secrets"
    assert "--enable-cluster-store-reconciler=true" in operator["args"]
    assert not [word for word in operator["args"] if word.startswith("--namespace")]
    assert operator["egress"][1:] == [to_network("10.0.60.7/32", 8200)], "the same Vault is named once"
    stores = {stage["name"]: stage["store"]["name"] for stage in found["stages"]}
    assert stores == {"training": "vault-backend-training", "serving": "vault-backend-serving"}
    for stage in found["stages"]:
        assert stage["store"]["kind"] == "ClusterSecretStore"
        assert stage["vault"]["auth"]["kubernetes"]["serviceAccountRef"]["namespace"] == stage["namespace"]
        assert stage["vault"]["caProvider"]["namespace"] == stage["namespace"]
    assert found["warnings"] == [WIDE]
    assert found["admission"]["exemptions"] == found["admission"]["registries"] == []
    assert planned(mode="cluster")["stages"][0]["store"]["name"] == "vault-backend"


def test_an_operator_that_is_adopted_is_not_run() -> None:
    found = planned(mode="adopt", vault={"url": "https://vault.example.com"})
    assert found["operators"] == []
    assert found["stages"][0]["store"]["kind"] == "SecretStore"


def test_a_stage_may_have_a_vault_of_its_own_and_without_any_address_nothing_is_done() -> None:
    assert planned(vault={"url": ""})["stages"] == []
    own = {
        "url": "https://vault.vault.svc:8300",
        "namespace": "team",
        "ca_cert": "/other.pem",
        "kv_mount": "kv/ml/",
        "audience": "vault-2",
        "self_review": False,
    }
    found = planned(stages=TWO, vault={"url": ""}, stage_vaults={"training": own})
    (stage,) = found["stages"]
    assert stage["name"] == "training"
    assert stage["vault"]["server"] == "https://vault.vault.svc:8300"
    assert stage["vault"]["namespace"] == "team"
    assert stage["vault"]["path"] == "kv/ml"
    assert stage["vault"]["auth"]["kubernetes"]["serviceAccountRef"]["audiences"] == ["vault-2"]
    assert stage["certificates"]["text"] == FILES["/other.pem"]
    (rule,) = found["operators"][0]["egress"][1:]
    assert rule["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "vault"}}}]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8300}]


def test_a_change_of_the_store_or_of_its_ca_changes_what_is_fetched() -> None:
    def fingerprint(**change: Any) -> str:
        return str(planned(**change)["stages"][0]["fingerprint"])

    first = fingerprint()
    assert fingerprint(replicas=2) == first
    changes: list[dict[str, Any]] = [{"kv_mount": "kv"}, {"ca_cert": "/other.pem"}, {"url": "https://10.0.60.8:8200"}]
    assert len({first, *(fingerprint(vault=change) for change in changes)}) == 4


def test_the_ca_may_be_there_already() -> None:
    (stage,) = planned(vault_ca={"kind": "Secret", "name": "site-ca"})["stages"]
    assert stage["vault"]["caProvider"] == {"type": "Secret", "name": "site-ca", "key": "ca.crt"}
    assert stage["certificates"]["text"] == ""
    assert stage["config_maps"] == []
    assert planned(vault={"ca_cert": ""})["stages"][0]["certificates"] is None


def test_what_is_processed_beside_external_secrets_has_to_be_asked_for() -> None:
    found = planned(push_secrets=True, generators=["Password"], replicas=2, extra_args=["--concurrent=4"])
    (operator,) = found["operators"]
    assert {
        "--enable-push-secret-reconciler=true",
        "--enable-generator-state=true",
        "--enable-leader-election=true",
    } < set(operator["args"])
    assert operator["args"][-1] == "--concurrent=4"
    assert [kind["kind"] for kind in found["kinds"]][-2:] == ["PushSecret", "Password"]
    assert found["generators"] == ["passwords"]


def test_templates_of_a_secret_are_passed_on_and_what_they_are_in_may_be_read() -> None:
    template = {"type": "Opaque", "templateFrom": [{"configMap": {"name": "tpl", "items": [{"key": "a"}]}}]}
    secret = {**SERVING["secrets"][0], "template": template, "refresh_interval": "0", "creation_policy": "Orphan"}
    (stage,) = planned(stages=[{**SERVING, "secrets": [secret]}])["stages"]
    assert stage["secrets"][0]["target"]["template"] == template
    assert stage["secrets"][0]["refresh_interval"] == "0s"
    assert stage["secrets"][0]["refresh_policy"] == "OnChange"
    assert stage["config_maps"] == ["tpl", "vault-ca"]


def test_the_admission_policies_are_told_of_the_operator_in_a_stage() -> None:
    assert [(item["policy"], item["namespace"], item["name"]) for item in planned()["admission"]["exemptions"]] == [
        ("rbac", "ml-serving", "external-secrets"),
        ("pods", "ml-serving", "external-secrets"),
    ]


def test_a_webhook_is_run_only_if_asked_and_only_where_something_is_to_be_checked() -> None:
    assert (planned()["webhook"], planned()["own_namespace"]) == (None, False)
    idle = planned(webhook=True, vault={"url": ""})
    assert (idle["webhook"], idle["own_namespace"]) == (None, False)
    assert planned(webhook=True)["own_namespace"]
    assert planned(mode="cluster")["own_namespace"]


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        ("scoped", "externalsecrets.external-secrets.io,secretstores.external-secrets.io"),
        (
            "cluster",
            "externalsecrets.external-secrets.io,secretstores.external-secrets.io,clustersecretstores.external-secrets.io",
        ),
    ],
)
def test_the_certificate_is_for_the_name_of_the_service_and_waits_for_no_kind_that_is_not_served(
    mode: str, kinds: str
) -> None:
    found = planned(mode=mode, webhook=True, stages=TWO)["webhook"]
    assert found["namespaces"] == ["ml-serving", "ml-training"]
    assert found["cluster_stores"] == (mode == "cluster")
    server, certifier = found["pods"]
    assert server["args"][:4] == [
        "webhook",
        "--port=10250",
        "--dns-name=external-secrets-webhook.external-secrets.svc",
        "--cert-dir=/tmp/certs",
    ]
    assert certifier["args"][0] == "certcontroller"
    assert {
        "--service-name=external-secrets-webhook",
        "--service-namespace=external-secrets",
        "--secret-name=external-secrets-webhook",
        "--secret-namespace=external-secrets",
        f"--crd-names={kinds}",
    } < set(certifier["args"])


def test_http_is_possible_and_told() -> None:
    found = planned(vault_allow_http=True, vault={"url": "http://127.0.0.1:8200", "ca_cert": ""})
    assert found["warnings"] == [PLAIN]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mode": "global"}, "external_secrets_mode: 'global' is not one of scoped, cluster, adopt"),
        ({"vault": {"url": "http://10.0.60.7:8200"}}, "gpu_cluster_vault_url: has no TLS"),
        ({"vault": {"url": "https://10.0.60.7:8200/v1"}}, "is no address of Vault, such as https://vault.example.com"),
        ({"vault": {"url": "10.0.60.7"}}, "gpu_cluster_vault_url: '10.0.60.7' is no address of Vault"),
        ({"vault": {"url": "https://10.0.60.7:82000"}}, "gpu_cluster_vault_url: is no address"),
        ({"vault": {"url": "https://me:pw@10.0.60.7"}}, "gpu_cluster_vault_url: must hold no credentials"),
        (
            {"vault": {"url": "https://vault.example.com:8200"}},
            "gpu_cluster_vault_url: vault.example.com is a name, and a NetworkPolicy knows only addresses; set "
            "external_secrets_vault_egress, such as [{cidr: 10.0.60.0/24, ports: [{port: 8200}]}]",
        ),
        ({"vault": {"ca_cert": "/none.pem"}}, "gpu_cluster_vault_ca_cert: /none.pem cannot be read: No such file"),
        ({"vault": {"ca_cert": "/notes.txt"}}, "gpu_cluster_vault_ca_cert: /notes.txt holds no certificate in PEM"),
        ({"vault": {"ca_cert": "/key.pem"}}, "gpu_cluster_vault_ca_cert: /key.pem holds a private key"),
        ({"vault": {"kv_mount": "a b"}}, "gpu_cluster_vault_kv_mount: 'a b' is no mount"),
        ({"vault": {"kv_mount": "ml"}}, "path 'ml/model-registry' begins with the name of the KV mount"),
        ({"vault": {"audience": ""}}, "gpu_cluster_vault_audience: must not be empty"),
        ({"vault": {"service_account": "model-server"}}, "its pods run as model-server, whose tokens read Vault"),
        ({"vault": {"service_account": "A_"}}, "gpu_cluster_vault_service_account: "),
        ({"api_audience": ""}, "external_secrets_api_audience: must not be empty"),
        ({"stage_vaults": {"servng": {}}}, 'external_secrets_stage_vaults.servng: no stage "servng" (did you mean'),
        ({"stage_vaults": {"serving": {"uri": "x"}}}, "no key 'uri' is known here (did you mean url?)"),
        ({"stage_vaults": {"serving": {"url": "http://x.y"}}}, "external_secrets_stage_vaults.serving.url: has no TLS"),
        ({"vault_ca": {"kind": "File", "name": "x"}}, "'File' is not one of ConfigMap, Secret"),
        ({"vault_egress": ["vaul"]}, 'external_secrets_vault_egress[0]: no endpoint "vaul"'),
        ({"api_server": [{"cidr": "0.0.0.0/0", "ports": [{"port": 443}]}]}, "is the whole internet"),
        ({"generators": ["Passwort"]}, "external_secrets_generators[0]: 'Passwort' is not one of"),
        ({"replicas": 0}, "external_secrets_replicas: must be a whole number from 1 on, not 0"),
        ({"metrics": True, "prometheus": {"namespace": "m", "pods": {}}}, "lets every pod of the namespace in"),
        (
            {"stages": [{**SERVING, "pods": {"app.kubernetes.io/name": "external-secrets"}}]},
            "stage serving: its pods labels select the pods of the operator, too",
        ),
        (
            {"stages": [{**SERVING, "service_account": {"name": "external-secrets"}}]},
            "stage serving: its service account must not be external-secrets",
        ),
        (
            {"mode": "cluster", "stages": [{**SERVING, "namespace": "external-secrets"}]},
            "stage serving: its namespace external-secrets is that of the operator in mode cluster",
        ),
        (
            {"webhook": True, "stages": [SERVING, {**TRAINING, "namespace": "external-secrets"}]},
            "stage training: its namespace external-secrets is that of the operator in mode cluster, and of the web",
        ),
        ({"webhook": True, "mode": "adopt"}, "external_secrets_webhook: must be false with mode adopt"),
        (
            {"stages": [{**SERVING, "secrets": [{"name": "s", "data": {"a/b": {"path": "x"}}}]}]},
            "stages[0].secrets[0].data.a/b: a key of a Secret must be",
        ),
    ],
)
def test_wrong_settings_are_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(HardeningError) as caught:
        planned(**change)
    assert problem in caught.value.message


def test_all_problems_are_reported_together_by_the_filter() -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        filter_module.external_secrets({**SETTINGS, "replicas": 0, "generators": ["x"]})
    message = str(caught.value)
    assert "external_secrets_replicas" in message
    assert "external_secrets_generators[0]" in message
    assert "gpu_cluster_vault_ca_cert: /ca.pem cannot be read" in message
