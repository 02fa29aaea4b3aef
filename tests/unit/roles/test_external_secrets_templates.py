# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role's templates make of its defaults and of every setting that changes what the operator may do."""

from __future__ import annotations

from typing import Any

import pytest

VAULT = {"gpu_cluster_vault_url": "https://10.0.60.7:8200"}
API_SERVER = [{"to": [{"ipBlock": {"cidr": "10.0.0.10/32"}}], "ports": [{"protocol": "TCP", "port": 6443}]}]
FOUND = {"__external_secrets_found": {"api_server": API_SERVER}}
CASES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "scoped": {**VAULT, **FOUND},
    "cluster": {**VAULT, **FOUND, "external_secrets_mode": "cluster"},
    "adopt": {**VAULT, **FOUND, "external_secrets_mode": "adopt"},
    "site": {
        **VAULT,
        "gpu_cluster_vault_self_review": False,
        "gpu_cluster_registry": "registry.example.com/mirror",
        "external_secrets_api_server": [{"cidr": "10.0.0.0/24", "ports": [{"port": 6443}]}],
        "external_secrets_replicas": 2,
        "external_secrets_metrics": True,
        "external_secrets_push_secrets": True,
        "external_secrets_generators": ["Password"],
        "external_secrets_vault_ca": {"kind": "ConfigMap", "name": "site-ca"},
        "external_secrets_image_pull_secrets": ["mirror"],
        "external_secrets_priority_class": "site-critical",
        "external_secrets_node_selector": {"pool": "system"},
        "external_secrets_tolerations": [{"key": "system", "operator": "Exists"}],
        "external_secrets_webhook": True,
    },
    "webhook": {**VAULT, **FOUND, "external_secrets_webhook": True},
    "cluster with webhook": {**VAULT, **FOUND, "external_secrets_webhook": True, "external_secrets_mode": "cluster"},
}
SELECTOR = {"app.kubernetes.io/name": "external-secrets", "app.kubernetes.io/component": "controller"}


@pytest.fixture(scope="module")
def rendered(render_role: Any) -> dict[str, Any]:
    return render_role("external_secrets", CASES)


def named(objects: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Objects of a kind by ``namespace/name``."""
    return {
        f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}": item
        for items in objects.values()
        for item in items
        if item["kind"] == kind
    }


def rights(role: dict[str, Any]) -> dict[str, set[str]]:
    """Verbs by resource, without and with names of objects."""
    found: dict[str, set[str]] = {}
    for rule in role["rules"]:
        for resource in rule["resources"]:
            names = f" {','.join(rule['resourceNames'])}" if "resourceNames" in rule else ""
            found.setdefault(f"{resource}{names}", set()).update(rule["verbs"])
    return found


def test_without_a_vault_there_is_nothing(rendered: dict[str, Any]) -> None:
    assert not any(rendered["nothing"].values())


def test_the_operator_of_a_stage_has_rights_in_its_namespace_only(rendered: dict[str, Any]) -> None:
    objects = rendered["scoped"]
    assert set(named(objects, "Role")) == {"ml-serving/external-secrets"}
    assert rights(named(objects, "Role")["ml-serving/external-secrets"]) == {
        "externalsecrets": {"get", "list", "watch", "update", "patch"},
        "externalsecrets/finalizers": {"update"},
        "externalsecrets/status": {"update"},
        "secretstores": {"get", "list", "watch"},
        "secretstores/status": {"patch"},
        "generatorstates": {"get", "list", "watch"},
        "secrets": {"get", "list", "watch", "create"},
        "secrets model-registry-credentials": {"update", "patch", "delete"},
        "serviceaccounts": {"get", "list", "watch"},
        "serviceaccounts/token vault-reader": {"create"},
        "events": {"create", "patch"},
    }
    (binding,) = named(objects, "RoleBinding").values()
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "external-secrets", "namespace": "ml-serving"}]
    # All that is left for the whole cluster is what Vault needs to review tokens, and not the operator.
    assert set(named(objects, "ClusterRole")) == {"/gpu-cluster-vault-token-review"}
    (binding,) = named(objects, "ClusterRoleBinding").values()
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "vault-reader", "namespace": "ml-serving"}]


def test_an_operator_for_all_writes_only_in_the_namespaces_of_stages(rendered: dict[str, Any]) -> None:
    objects = rendered["cluster"]
    role = named(objects, "ClusterRole")["/gpu-cluster-external-secrets"]
    assert "aggregate" not in str(role["metadata"])
    assert rights(role)["secrets"] == {"get", "list", "watch"}
    assert "serviceaccounts/token vault-reader" not in rights(role)
    assert rights(role)["namespaces"] == {"get", "list", "watch"}
    assert rights(named(objects, "Role")["ml-serving/external-secrets"]) == {
        "secrets": {"create"},
        "secrets model-registry-credentials": {"update", "patch", "delete"},
        "serviceaccounts/token vault-reader": {"create"},
    }
    (binding,) = named(objects, "RoleBinding").values()
    assert binding["subjects"][0]["namespace"] == "external-secrets"
    (namespace,) = named(objects, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("case", ["scoped", "cluster", "site", "webhook"])
def test_no_rule_is_a_wildcard_and_none_names_push_secrets_unless_asked(rendered: dict[str, Any], case: str) -> None:
    roles = [*named(rendered[case], "Role").values(), *named(rendered[case], "ClusterRole").values()]
    rules = [rule for role in roles for rule in role["rules"]]
    assert not [rule for rule in rules if "*" in rule["verbs"] + rule["resources"] + rule["apiGroups"]]
    pushes = [rule for rule in rules if "pushsecrets" in rule["resources"]]
    assert bool(pushes) == (case == "site")
    assert not [rule for rule in rules if "clusterexternalsecrets" in rule["resources"]]


def test_the_operator_meets_the_restricted_level_and_has_its_token_for_itself(rendered: dict[str, Any]) -> None:
    (deployment,) = named(rendered["scoped"], "Deployment").values()
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    template = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == SELECTOR
    assert SELECTOR.items() <= template["metadata"]["labels"].items()
    pod = template["spec"]
    assert pod["serviceAccountName"] == "external-secrets"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "runAsGroup": 65534,
        "fsGroup": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    (container,) = pod["containers"]
    assert container["image"] == "ghcr.io/external-secrets/external-secrets:v2.9.0"
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")} == {
        "/healthz"
    }
    (volume,) = pod["volumes"]
    assert volume["projected"]["defaultMode"] == 0o440
    assert volume["projected"]["sources"][0] == {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
    assert {
        account["automountServiceAccountToken"] for account in named(rendered["scoped"], "ServiceAccount").values()
    } == {False}


def test_it_reaches_dns_vault_and_the_api_server_and_nobody_reaches_it(rendered: dict[str, Any]) -> None:
    policies = named(rendered["scoped"], "NetworkPolicy")
    assert set(policies) == {"ml-serving/allow-external-secrets"}, "the stage has a default deny already"
    spec = policies["ml-serving/allow-external-secrets"]["spec"]
    assert spec["podSelector"] == {"matchLabels": SELECTOR}
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    dns, vault, api_server = spec["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert vault == {"to": [{"ipBlock": {"cidr": "10.0.60.7/32"}}], "ports": [{"protocol": "TCP", "port": 8200}]}
    assert [api_server] == API_SERVER
    everywhere = named(rendered["cluster"], "NetworkPolicy")
    assert everywhere["external-secrets/default-deny"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_the_store_of_a_stage_and_what_is_fetched(rendered: dict[str, Any]) -> None:
    (store,) = named(rendered["scoped"], "SecretStore").values()
    assert store["metadata"]["namespace"] == "ml-serving"
    assert store["spec"].keys() == {"provider"}
    (store,) = named(rendered["cluster"], "ClusterSecretStore").values()
    assert store["metadata"]["name"] == "vault-backend"
    assert store["spec"]["conditions"] == [{"namespaces": ["ml-serving"]}]
    for case, kind in (("scoped", "SecretStore"), ("cluster", "ClusterSecretStore"), ("adopt", "SecretStore")):
        (fetched,) = named(rendered[case], "ExternalSecret").values()
        assert fetched["apiVersion"] == "external-secrets.io/v1"
        assert fetched["spec"]["secretStoreRef"] == {"kind": kind, "name": "vault-backend"}
        assert fetched["spec"]["refreshInterval"] == "1h0m0s"
        assert [data["secretKey"] for data in fetched["spec"]["data"]] == ["registry-token", "signing-key"]


def test_an_adopted_operator_gets_an_account_a_store_and_nothing_else(rendered: dict[str, Any]) -> None:
    kinds = {item["kind"] for items in rendered["adopt"].values() for item in items}
    assert kinds == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "SecretStore", "ExternalSecret"}
    assert set(named(rendered["adopt"], "ServiceAccount")) == {"ml-serving/vault-reader"}


def test_what_a_site_sets_is_what_it_gets(rendered: dict[str, Any]) -> None:
    objects = rendered["site"]
    assert "/gpu-cluster-vault-token-review" not in named(objects, "ClusterRole"), "Vault has a reviewer of its own"
    deployment = named(objects, "Deployment")["ml-serving/external-secrets"]
    assert deployment["spec"]["replicas"] == 2
    assert "strategy" not in deployment["spec"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"].startswith("registry.example.com/mirror/external-secrets/")
    assert pod["imagePullSecrets"] == [{"name": "mirror"}]
    assert pod["priorityClassName"] == "site-critical"
    assert pod["nodeSelector"] == {"pool": "system"}
    assert pod["tolerations"] == [{"key": "system", "operator": "Exists"}]
    assert named(objects, "PodDisruptionBudget")["ml-serving/external-secrets"]["spec"]["maxUnavailable"] == 1
    leases = rights(named(objects, "Role")["ml-serving/external-secrets-leases"])
    assert leases == {"leases": {"create"}, "leases external-secrets-controller": {"get", "update", "patch"}}
    role = rights(named(objects, "Role")["ml-serving/external-secrets"])
    assert role["configmaps site-ca"] == {"get"}
    assert role["passwords"] == {"get", "list", "watch"}
    assert "delete" in role["generatorstates"]
    assert "update" in role["secretstores"]
    policy = named(objects, "NetworkPolicy")["ml-serving/allow-external-secrets"]["spec"]
    assert policy["ingress"][0]["ports"] == [{"protocol": "TCP", "port": 8080}]
    assert policy["egress"][-1]["to"] == [{"ipBlock": {"cidr": "10.0.0.0/24"}}]
    (store,) = named(objects, "SecretStore").values()
    assert store["spec"]["provider"]["vault"]["auth"]["kubernetes"]["serviceAccountRef"]["audiences"] == ["vault"]
    assert not named(objects, "ConfigMap"), "the CA is there already"


SERVER, CERTIFIER = "external-secrets/external-secrets-webhook", "external-secrets/external-secrets-cert-controller"


def test_a_webhook_is_run_only_if_asked_in_a_namespace_that_lets_nothing_else_in(rendered: dict[str, Any]) -> None:
    for case in ("scoped", "cluster"):
        assert not [item for key in named(rendered[case], "Deployment") if "webhook" in (item := key)]
        assert not rendered[case]["webhook_configurations"]
    objects = rendered["webhook"]
    assert set(named(objects, "Deployment")) == {"ml-serving/external-secrets", SERVER, CERTIFIER}
    labels = named(objects, "Namespace")["/external-secrets"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    policies = named(objects, "NetworkPolicy")
    assert policies["external-secrets/default-deny"]["spec"]["podSelector"] == {}
    accounts = named(objects, "ServiceAccount")
    assert {SERVER, CERTIFIER, "external-secrets/default"} < set(accounts)
    assert {account["automountServiceAccountToken"] for account in accounts.values()} == {False}
    (secret,) = named(objects, "Secret").values()
    assert secret.keys() == {"apiVersion", "kind", "metadata", "type"}, "what it holds is made in the cluster"


def test_its_pods_meet_the_restricted_level_and_only_one_has_the_key_of_the_ca(rendered: dict[str, Any]) -> None:
    deployments = named(rendered["webhook"], "Deployment")
    operator = deployments["ml-serving/external-secrets"]["spec"]["template"]["spec"]
    for place in (SERVER, CERTIFIER):
        spec = deployments[place]["spec"]
        pod = spec["template"]["spec"]
        assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
        assert f"external-secrets/{pod['serviceAccountName']}" == place
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"] == operator["securityContext"]
        (container,) = pod["containers"]
        assert container["image"] == operator["containers"][0]["image"]
        assert container["securityContext"] == operator["containers"][0]["securityContext"]
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
        assert pod["volumes"][0] == operator["volumes"][0], "the token"
    _token, certificate = deployments[SERVER]["spec"]["template"]["spec"]["volumes"]
    assert [item["key"] for item in certificate["secret"]["items"]] == ["ca.crt", "tls.crt", "tls.key"]
    assert len(deployments[CERTIFIER]["spec"]["template"]["spec"]["volumes"]) == 1


def test_the_webhook_has_no_right_and_the_other_one_may_write_three_objects_and_events(
    rendered: dict[str, Any],
) -> None:
    objects = rendered["webhook"]
    bindings = {**named(objects, "RoleBinding"), **named(objects, "ClusterRoleBinding")}
    assert "external-secrets-webhook" not in {
        subject["name"] for item in bindings.values() for subject in item["subjects"]
    }
    checks = "gpu-cluster-secretstore-validate,gpu-cluster-externalsecret-validate"
    assert rights(named(objects, "ClusterRole")["/gpu-cluster-external-secrets-cert-controller"]) == {
        "customresourcedefinitions": {"list", "watch"},
        "validatingwebhookconfigurations": {"list", "watch"},
        f"validatingwebhookconfigurations {checks}": {"update"},
        "endpointslices": {"list", "watch"},
    }
    roles = named(objects, "Role")
    assert rights(roles[CERTIFIER]) == {"secrets external-secrets-webhook": {"get", "update"}}
    assert rights(roles["default/external-secrets-cert-controller"]) == {"events": {"create", "patch"}}


def test_anybody_may_ask_the_webhook_which_asks_nobody(rendered: dict[str, Any]) -> None:
    policies = named(rendered["webhook"], "NetworkPolicy")
    server = policies["external-secrets/allow-external-secrets-webhook"]["spec"]
    assert server["policyTypes"] == ["Ingress", "Egress"]
    assert server["ingress"] == [{"ports": [{"protocol": "TCP", "port": 10250}]}]
    assert "egress" not in server
    certifier = policies["external-secrets/allow-external-secrets-cert-controller"]["spec"]
    assert certifier["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in certifier
    dns, api_server = certifier["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert [api_server] == API_SERVER


@pytest.mark.parametrize(
    ("case", "resources"),
    [
        ("webhook", ["secretstores", "externalsecrets"]),
        ("cluster with webhook", ["secretstores", "clustersecretstores", "externalsecrets"]),
    ],
)
def test_only_what_is_written_for_stages_is_checked_and_nothing_waits_for_a_webhook_that_is_away(
    rendered: dict[str, Any], case: str, resources: list[str]
) -> None:
    configurations = named(rendered[case], "ValidatingWebhookConfiguration").values()
    assert {item["metadata"]["labels"]["external-secrets.io/component"] for item in configurations} == {"webhook"}
    webhooks = [webhook for item in configurations for webhook in item["webhooks"]]
    assert [webhook["rules"][0]["resources"][0] for webhook in webhooks] == resources
    for webhook in webhooks:
        assert webhook["name"].endswith(".external-secrets.io"), "others get no CA"
        assert webhook["failurePolicy"] == "Ignore"
        assert webhook["rules"][0]["operations"] == ["CREATE", "UPDATE"]
        assert "caBundle" not in webhook["clientConfig"], "it is that of the cert-controller"
        if webhook["rules"][0]["scope"] == "Namespaced":
            (expression,) = webhook["namespaceSelector"]["matchExpressions"]
            assert expression["values"] == ["ml-serving"]
