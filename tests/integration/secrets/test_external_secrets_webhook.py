# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the webhook by option: upstream's own programs, run with the arguments and as the accounts the role gives.

The simulated nodes run nothing, so the tests do what a kubelet does: run the programs and write the Secret into files.
"""

from __future__ import annotations

import base64
import copy
import http.client
import json
import socket
import ssl
import subprocess
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from audit_log import AuditLog
from external_secrets_server import CrdBundle, Operator, account_kubeconfig, start_operator
from gpu_stack import traces
from role_runs import RoleRun, RoleRunner
from sandbox_access import Kubectl, Sandbox
from waiting import wait_for

Json = dict[str, Any]
STAGE = "hook-serving"
NAME = "external-secrets"
WEBHOOK, CERT_CONTROLLER = f"{NAME}-webhook", f"{NAME}-cert-controller"
STORES, SECRETS = "gpu-cluster-secretstore-validate", "gpu-cluster-externalsecret-validate"
HOST = f"{WEBHOOK}.{NAME}.svc"
# No operator runs, so these are never ready, and each run marks them so that one would try again.
RETRIED = {"externalsecrets", "secretstores"}
VARIABLES: Json = {
    "gpu_cluster_stages": [
        {
            "name": "serving",
            "namespace": STAGE,
            "service_account": {"name": "ml-serving"},
            "pods": {"app": "serving"},
            "egress": ["dns"],
            "secrets": [{"name": "credentials", "data": {"token": {"path": "ml/registry", "property": "token"}}}],
        }
    ],
    "gpu_cluster_vault_url": "https://127.0.0.1:1",
    "external_secrets_webhook": True,
    "external_secrets_wait": False,
}


@dataclass(frozen=True)
class Site:
    """The role with the option on, and a place for the programs."""

    kubectl: Kubectl
    runner: RoleRunner
    crds: CrdBundle

    def attempt(self, *options: str, **variables: Any) -> RoleRun:
        """A run that may fail."""
        crds = {"external_secrets_crds": str(self.crds.path), "external_secrets_crds_sha256": self.crds.sha256}
        return self.runner.attempt("external_secrets", *options, **{**VARIABLES, **crds, **variables})

    def run(self, *options: str, **variables: Any) -> RoleRun:
        """A run that must succeed."""
        done = self.attempt(*options, **variables)
        assert done.returncode == 0, done.output
        return done

    def start(self, name: str, *own: str) -> Operator:
        """Run what a Deployment says, as its account."""
        spec = self.held("deployment", name)["spec"]["template"]["spec"]
        folder = self.runner.home
        kubeconfig = account_kubeconfig(self.kubectl, NAME, spec["serviceAccountName"], folder)
        return start_operator(kubeconfig, spec["containers"][0]["args"], folder, own)

    def held(self, kind: str, name: str, namespace: str | None = NAME) -> Json:
        """An object that must be there."""
        found = self.kubectl.get(kind, name, namespace)
        assert found is not None, f"there is no {kind} {name}"
        return dict(found)

    def bundles(self) -> set[str]:
        """The CAs of all webhooks; empty text where there is none."""
        found = [self.held("validatingwebhookconfiguration", name, None) for name in (STORES, SECRETS)]
        return {webhook["clientConfig"].get("caBundle", "") for item in found for webhook in item["webhooks"]}

    def certificate(self) -> dict[str, bytes]:
        """What the Secret holds."""
        data = self.held("secret", WEBHOOK).get("data") or {}
        return {key: base64.b64decode(value) for key, value in data.items()}


@pytest.fixture(scope="module")
def site(kubectl: Kubectl, crds: CrdBundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Namespace of the stage, and nothing else yet; gone at the end."""
    kubectl("create", "namespace", STAGE)
    site = Site(kubectl, RoleRunner(tmp_path_factory.mktemp("webhook"), kubectl.kubeconfig), crds)
    yield site
    site.run(external_secrets_state="absent", external_secrets_delete_crds=True)
    kubectl("delete", "namespace", STAGE)


@pytest.fixture(scope="module")
def installed(site: Site) -> Site:
    """The option is on, and what it makes is ready as far as the nodes can tell."""
    site.run()
    for name in (WEBHOOK, CERT_CONTROLLER):
        site.kubectl("wait", "deployment", name, "-n", NAME, "--for=condition=Available", "--timeout=60s")
    return site


@dataclass(frozen=True)
class Programs:
    """Both of them, while they run."""

    site: Site
    certifier: Operator
    server: Operator
    port: int
    health: dict[str, int]

    def review(self, path: str, item: Json) -> Json:
        """Ask the webhook as the API server does, whose CA is the one of the configurations."""
        (bundle,) = self.site.bundles()
        context = ssl.create_default_context(cadata=base64.b64decode(bundle).decode())
        request = {
            "uid": str(uuid.uuid4()),
            "operation": "CREATE",
            "object": item,
            "namespace": item["metadata"].get("namespace", ""),
            "name": item["metadata"]["name"],
        }
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as plain:
            connection = http.client.HTTPConnection(HOST)
            connection.sock = context.wrap_socket(plain, server_hostname=HOST)
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = json.loads(connection.getresponse().read())["response"]
        assert response["uid"] == request["uid"]
        return dict(response)

    def is_ready(self, name: str) -> bool:
        """What its readiness probe would find."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health[name]}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:  # refused, no answer in time, or another status
            return False


@pytest.fixture(scope="module")
def programs(installed: Site) -> Iterator[Programs]:
    """Runs both, and writes the Secret where its volume would be."""
    port, *health = free_ports(3)
    certifier = installed.start(CERT_CONTROLLER, f"--healthz-addr=127.0.0.1:{health[0]}")
    try:
        until(lambda: "tls.crt" in installed.certificate(), certifier)
        folder = installed.runner.home / "certificate"
        folder.mkdir(mode=0o700)
        for item in installed.held("deployment", WEBHOOK)["spec"]["template"]["spec"]["volumes"][1]["secret"]["items"]:
            (folder / item["path"]).write_bytes(installed.certificate()[item["key"]])
        own = (f"--port={port}", f"--cert-dir={folder}", f"--healthz-addr=127.0.0.1:{health[1]}")
        server = installed.start(WEBHOOK, *own)
        try:
            server.wait_for("Serving webhook server")
            yield Programs(
                installed, certifier, server, port, dict(zip((CERT_CONTROLLER, WEBHOOK), health, strict=True))
            )
        finally:
            server.stop()
    finally:
        certifier.stop()


def free_ports(number: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _number in range(number)]
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports


def until(condition: Callable[[], bool], program: Operator, seconds: float = 60) -> None:
    """Wait for something that a program does."""
    wait_for(condition, lambda: program.log, seconds)


def test_an_operator_that_is_adopted_gets_no_webhook_and_nothing_is_written(site: Site, audit: AuditLog) -> None:
    refused = site.attempt(external_secrets_mode="adopt")
    assert refused.returncode != 0
    assert "external_secrets_webhook: must be false with mode adopt" in refused.text
    assert audit.requests().writes == []


def test_check_mode_says_what_the_run_then_does(site: Site, audit: AuditLog) -> None:
    foretold = site.run("--check", "--diff")
    assert audit.requests().writes == []
    assert site.run().counts == foretold.counts


def test_a_second_run_sends_no_write(installed: Site, audit: AuditLog) -> None:
    installed.run()
    assert {write.resource for write in audit.requests().writes} <= RETRIED


def test_pods_are_let_in_at_the_level_restricted(installed: Site) -> None:
    for name in (WEBHOOK, CERT_CONTROLLER):
        template = installed.held("deployment", name)["spec"]["template"]
        metadata = {"name": f"probe-{name}", "namespace": NAME, "labels": template["metadata"]["labels"]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        said = installed.kubectl.run("create", "--dry-run=server", stdin=pod)
        assert (said.returncode, said.stderr) == (0, "")


def test_what_makes_the_certificate_gets_by_with_its_rights(programs: Programs) -> None:
    certificate = programs.site.certificate()
    assert set(certificate) == {"ca.crt", "ca.key", "tls.crt", "tls.key"}
    until(lambda: programs.site.bundles() == {base64.b64encode(certificate["ca.crt"]).decode()}, programs.certifier)
    until(lambda: programs.is_ready(CERT_CONTROLLER), programs.certifier)
    assert "orbidden" not in programs.certifier.log


def test_a_run_after_that_writes_nothing_and_keeps_the_certificate(programs: Programs, audit: AuditLog) -> None:
    until(lambda: "" not in programs.site.bundles(), programs.certifier)
    before = programs.site.bundles(), programs.site.certificate()
    assert not {"ValidatingWebhookConfiguration", "Secret"} & changed_kinds(programs.site.run("--check", "--diff"))
    programs.site.run()
    assert {write.resource for write in audit.requests().writes} <= RETRIED
    assert (programs.site.bundles(), programs.site.certificate()) == before


def changed_kinds(run: RoleRun) -> set[str]:
    objects = [item for result in run.results for item in result.get("objects", [])]
    assert objects, "the run names no objects"
    return {item["kind"] for item in objects if item["action"] != "unchanged"}


def other_namespace(store: Json) -> Json:
    """A SecretStore that would log in as an account of another namespace."""
    wrong = copy.deepcopy(store)
    wrong["spec"]["provider"]["vault"]["auth"]["kubernetes"]["serviceAccountRef"]["namespace"] = "kube-system"
    return wrong


def without_data(secret: Json) -> Json:
    """An ExternalSecret that fetches nothing."""
    wrong = copy.deepcopy(secret)
    del wrong["spec"]["data"]
    return wrong


@pytest.mark.parametrize(
    ("configuration", "kind", "name", "spoil", "message"),
    [
        (STORES, "secretstore", "vault-backend", other_namespace, "namespace"),
        (SECRETS, "externalsecret", "credentials", without_data, "either data or dataFrom should be specified"),
    ],
)
def test_the_webhook_refuses_what_is_wrong_and_lets_pass_what_the_role_wrote(
    programs: Programs, configuration: str, kind: str, name: str, spoil: Callable[[Json], Json], message: str
) -> None:
    until(lambda: "" not in programs.site.bundles(), programs.certifier)
    (webhook,) = programs.site.held("validatingwebhookconfiguration", configuration, None)["webhooks"]
    service = webhook["clientConfig"]["service"]
    assert f"{service['name']}.{service['namespace']}.svc" == HOST
    right = programs.site.held(kind, name, STAGE)
    assert programs.review(service["path"], right)["allowed"] is True
    refused = programs.review(service["path"], spoil(right))
    assert refused["allowed"] is False
    assert message in refused["status"]["message"]


@pytest.fixture
def reached(programs: Programs) -> Iterator[Programs]:
    """The API server reaches the program, and nothing passes without its answer.

    Without pods it would not: so the Service leads to this machine, and a copy of a configuration to the right port.
    """
    kubectl = programs.site.kubectl
    until(lambda: "" not in programs.site.bundles(), programs.certifier)
    check = programs.site.held("validatingwebhookconfiguration", STORES, None)
    (webhook,) = check["webhooks"]
    webhook["failurePolicy"] = "Fail"
    webhook["clientConfig"]["service"]["port"] = programs.port
    leads_here = json.dumps({"spec": {"type": "ExternalName", "externalName": "localhost"}})
    kubectl("patch", "service", WEBHOOK, "-n", NAME, "--type=merge", "-p", leads_here)
    kubectl("create", stdin={**check, "metadata": {"name": "test-webhook"}})
    try:
        yield programs
    finally:
        kubectl("delete", "validatingwebhookconfiguration", "test-webhook")
        kubectl("delete", "service", WEBHOOK, "-n", NAME)  # the next run makes it again


def test_the_api_server_refuses_what_is_wrong_for_a_stage_and_asks_about_nothing_else(
    reached: Programs, namespace: str
) -> None:
    kubectl = reached.site.kubectl
    wrong = other_namespace(reached.site.held("secretstore", "vault-backend", STAGE))

    def attempt(place: str) -> subprocess.CompletedProcess[str]:
        item = {**wrong, "metadata": {"name": "by-hand", "namespace": place}}
        return kubectl.run("create", "--dry-run=server", stdin=item)

    until(lambda: "denied the request" in attempt(STAGE).stderr, reached.server)
    assert attempt(namespace).returncode == 0, "where no stage is, others decide"
    reached.site.run(gpu_cluster_vault_auth_mount="kubernetes-other")
    provider = reached.site.held("secretstore", "vault-backend", STAGE)["spec"]["provider"]["vault"]
    assert provider["auth"]["kubernetes"]["mountPath"] == "kubernetes-other", "what the role writes passes"


def test_the_webhook_is_ready_and_asks_the_api_server_nothing(programs: Programs, sandbox: Sandbox) -> None:
    assert programs.is_ready(WEBHOOK)
    assert "orbidden" not in programs.server.log
    AuditLog(sandbox.audit_log, programs.site.kubectl)  # what was asked before is in the log now
    asked = [
        event["requestURI"]
        for event in map(json.loads, sandbox.audit_log.read_text(encoding="utf-8").splitlines())
        if event["user"].get("username") == f"system:serviceaccount:{NAME}:{WEBHOOK}"
    ]
    assert asked == []


CERTIFIER_ACCOUNT = f"system:serviceaccount:{NAME}:{CERT_CONTROLLER}"
WEBHOOK_ACCOUNT = f"system:serviceaccount:{NAME}:{WEBHOOK}"


@pytest.mark.parametrize(
    ("who", "verb", "what", "namespace"),
    [
        (CERTIFIER_ACCOUNT, "get", "secrets/other", NAME),
        (CERTIFIER_ACCOUNT, "list", "secrets", NAME),
        (CERTIFIER_ACCOUNT, "create", "secrets", NAME),
        (CERTIFIER_ACCOUNT, "delete", f"secrets/{WEBHOOK}", NAME),
        (CERTIFIER_ACCOUNT, "get", f"secrets/{WEBHOOK}", STAGE),
        (CERTIFIER_ACCOUNT, "get", "secrets/credentials", STAGE),
        (CERTIFIER_ACCOUNT, "update", "validatingwebhookconfigurations.admissionregistration.k8s.io/other", ""),
        (CERTIFIER_ACCOUNT, "create", "validatingwebhookconfigurations.admissionregistration.k8s.io", ""),
        (CERTIFIER_ACCOUNT, "delete", f"validatingwebhookconfigurations.admissionregistration.k8s.io/{STORES}", ""),
        (CERTIFIER_ACCOUNT, "list", "mutatingwebhookconfigurations.admissionregistration.k8s.io", ""),
        (CERTIFIER_ACCOUNT, "update", "customresourcedefinitions.apiextensions.k8s.io", ""),
        (
            CERTIFIER_ACCOUNT,
            "update",
            "customresourcedefinitions.apiextensions.k8s.io/secretstores.external-secrets.io",
            "",
        ),
        (CERTIFIER_ACCOUNT, "create", "events", STAGE),
        (CERTIFIER_ACCOUNT, "create", f"serviceaccounts/{CERT_CONTROLLER} --subresource=token", NAME),
        (CERTIFIER_ACCOUNT, "list", "secretstores.external-secrets.io", STAGE),
        (CERTIFIER_ACCOUNT, "list", "pods", NAME),
        (WEBHOOK_ACCOUNT, "get", f"secrets/{WEBHOOK}", NAME),
        (WEBHOOK_ACCOUNT, "list", "secretstores.external-secrets.io", STAGE),
        (WEBHOOK_ACCOUNT, "list", "validatingwebhookconfigurations.admissionregistration.k8s.io", ""),
        (WEBHOOK_ACCOUNT, "create", "events", "default"),
    ],
)
def test_the_rights_are_no_wider(installed: Site, who: str, verb: str, what: str, namespace: str) -> None:
    assert may(installed, who, verb, what, namespace) == "no"


@pytest.mark.parametrize(
    ("verb", "what", "namespace"),
    [
        ("update", f"secrets/{WEBHOOK}", NAME),
        ("update", f"validatingwebhookconfigurations.admissionregistration.k8s.io/{STORES}", ""),
        ("watch", "customresourcedefinitions.apiextensions.k8s.io", ""),
        ("create", "events", "default"),
    ],
)
def test_the_questions_about_rights_can_be_answered_by_yes(
    installed: Site, verb: str, what: str, namespace: str
) -> None:
    assert may(installed, CERTIFIER_ACCOUNT, verb, what, namespace) == "yes"


def may(site: Site, who: str, verb: str, what: str, namespace: str) -> str:
    place = ["-n", namespace] if namespace else ["-A"]
    return site.kubectl.run("auth", "can-i", verb, *what.split(), *place, f"--as={who}").stdout.strip()


def test_all_of_it_goes_with_the_option_and_the_operator_stays(site: Site, audit: AuditLog) -> None:
    site.run()
    foretold = site.run("--check", external_secrets_webhook=False)
    assert site.run(external_secrets_webhook=False).counts["deleted"] == foretold.counts["deleted"] > 10
    site.kubectl("wait", "namespace", NAME, "--for=delete", "--timeout=60s")
    left = set(traces(site.kubectl, NAME))
    assert f"Deployment/{NAME}" in left
    assert not [item for item in left if "webhook" in item.lower() or CERT_CONTROLLER in item]
    site.run(external_secrets_webhook=False)  # the layer forgets the namespace that nobody waited for
    audit.mark()
    site.run(external_secrets_webhook=False)
    assert {write.resource for write in audit.requests().writes} <= RETRIED


def test_all_of_it_goes_with_everything_else(site: Site) -> None:
    site.run(external_secrets_mode="cluster")
    checks = site.held("validatingwebhookconfiguration", STORES, None)["webhooks"]
    assert [check["rules"][0]["resources"] for check in checks] == [["secretstores"], ["clustersecretstores"]]
    site.run(external_secrets_state="absent")
    assert traces(site.kubectl, NAME) == []
    assert site.kubectl.get("namespace", NAME) is None
