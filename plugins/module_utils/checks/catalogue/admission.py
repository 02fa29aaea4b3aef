# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission: this collection's policies, and webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.plan import PARTS, policy_name
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.admission.settings import POD_POLICIES, POLICIES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.conditions import STAGES
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.catalogue.network import policy_types
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.check import Check, Condition
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Place, Remedy, place_of
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.selectors import selects

Json = Mapping[str, Any]
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
_API = "admissionregistration.k8s.io/v1"
HOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
NAMESPACE_NAME = "kubernetes.io/metadata.name"
MOST_SECONDS = 10
_ROLE = Remedy("Run the role admission_policies.", "admission_policies", "admission_policies_stages")


def policies(policy: str) -> list[str]:
    """Names of the objects of one of this collection's policies."""
    return [policy_name(part) for part in PARTS.get(policy, (policy,))]


def missing(cluster: Cluster) -> Iterator[Finding]:
    """Policies that are not there."""
    there = {item["metadata"]["name"] for item in cluster.of(POLICY)}
    for policy in POLICIES:
        for name in policies(policy):
            if name not in there:
                yield Finding(f"There is no policy {name}.", Place(_API, POLICY, None, name))


def _bindings(cluster: Cluster, name: str) -> list[Json]:
    return [item for item in cluster.of(BINDING) if item["spec"].get("policyName") == name]


def toothless(cluster: Cluster) -> Iterator[Finding]:
    """Policies that refuse nothing anywhere."""
    for item in cluster.of(POLICY):
        name = item["metadata"]["name"]
        if name in _OURS and not any("Deny" in _actions(one) for one in _bindings(cluster, name)):
            yield Finding(
                f"Policy {name} refuses nothing: it only notes or warns.", place_of(item), "validationActions"
            )


def _actions(binding: Json) -> Sequence[str]:
    actions: Sequence[str] = binding["spec"].get("validationActions") or ()
    return actions


def stages_left_out(cluster: Cluster) -> Iterator[Finding]:
    """Stages that a policy which refuses elsewhere does not look at."""
    for policy in POD_POLICIES:
        for name in policies(policy):
            bindings = _bindings(cluster, name)
            if not bindings:
                continue
            for namespace, stage in cluster.stages.items():
                if policy == "pods" and stage["pod_security"]["enforce"] != "restricted":
                    continue  # it is what the level restricted leaves open
                labels = {NAMESPACE_NAME: namespace, **(cluster.namespaces[namespace]["metadata"].get("labels") or {})}
                if not any(selects(_selector(one), labels) for one in bindings):
                    text = f"Policy {name} does not look at stage {stage['name']}."
                    yield Finding(text, Place(_API, POLICY, None, name), f"namespace {namespace}")


def _selector(binding: Json) -> Json:
    return (binding["spec"].get("matchResources") or {}).get("namespaceSelector") or {}


def lenient(cluster: Cluster) -> Iterator[Finding]:
    """Policies that let pass what they cannot judge."""
    for item in cluster.of(POLICY):
        if item["metadata"]["name"] in _OURS and item["spec"].get("failurePolicy") == "Ignore":
            text = f"Policy {item['metadata']['name']} lets pass what it cannot judge."
            yield Finding(text, place_of(item), "spec.failurePolicy", "Ignore")


def _hooks(cluster: Cluster) -> Iterator[tuple[Json, Json]]:
    for kind in HOOKS:
        for item in cluster.of(kind):
            for hook in item.get("webhooks") or ():
                yield item, hook


def _is_about_pods(hook: Json) -> bool:
    return any(
        {"pods", "*", "*/*", "pods/*"} & set(rule.get("resources") or ())
        and {"", "*"} & set(rule.get("apiGroups") or ())
        for rule in hook.get("rules") or ()
    )


def without_service(cluster: Cluster) -> Iterator[Finding]:
    """Webhooks that must be asked and are not there."""
    services = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in cluster.of("Service")}
    for item, hook in _hooks(cluster):
        service = (hook.get("clientConfig") or {}).get("service")
        if service and hook.get("failurePolicy", "Fail") == "Fail":
            key = (service.get("namespace"), service.get("name"))
            if key not in services:
                name = "/".join(map(str, key))
                text = f"{place_of(item)}: service {name} of webhook {hook['name']} is not there, and it must be asked."
                yield Finding(text, place_of(item), f"webhooks[{hook['name']}].clientConfig.service", name)


def cut_off(cluster: Cluster) -> Iterator[Finding]:
    """Webhooks that a NetworkPolicy keeps the API server from: it comes from a node, which no selector names."""
    services = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in cluster.of("Service")}
    for item, hook in _hooks(cluster):
        reference = (hook.get("clientConfig") or {}).get("service") or {}
        service = services.get((str(reference.get("namespace")), str(reference.get("name"))))
        if service is None:
            continue
        labels = service["spec"].get("selector") or {}
        pods = [
            one
            for one in cluster.workloads
            if one.namespace == reference["namespace"] and labels.items() <= one.labels.items()
        ]
        if not pods or all(pod.spec.get("hostNetwork") for pod in pods):
            continue
        isolating = [
            policy
            for policy in cluster.policies.get(str(reference["namespace"]), ())
            if "Ingress" in policy_types(policy) and selects(policy["spec"].get("podSelector"), pods[0].labels)
        ]
        if isolating and not any(_lets_nodes_in(policy) for policy in isolating):
            names = ", ".join(policy["metadata"]["name"] for policy in isolating)
            where = f"policy {names} of {reference['namespace']}"
            text = f"{place_of(item)}: {where} keeps the API server from webhook {hook['name']}."
            yield Finding(text, place_of(item), f"webhooks[{hook['name']}]", names)


def _lets_nodes_in(policy: Json) -> bool:
    """Whether a rule lets in more than pods; which addresses nodes have is not looked at."""
    return any(
        not rule.get("from") or any("ipBlock" in peer for peer in rule["from"])
        for rule in policy["spec"].get("ingress") or ()
    )


def abroad(cluster: Cluster) -> Iterator[Finding]:
    """Webhooks outside the cluster."""
    for item, hook in _hooks(cluster):
        url = str((hook.get("clientConfig") or {}).get("url") or "")
        if url:
            host = url.partition("//")[2].partition("/")[0].rpartition("@")[2]
            text = f"{place_of(item)} sends objects to {host}, outside the cluster."
            yield Finding(text, place_of(item), f"webhooks[{hook['name']}].clientConfig.url", host)


def skipped(cluster: Cluster) -> Iterator[Finding]:
    """Webhooks that judge pods and are passed over when they do not answer."""
    for item, hook in _hooks(cluster):
        if item["kind"] == HOOKS[0] and _is_about_pods(hook) and hook.get("failurePolicy") == "Ignore":
            text = f"{place_of(item)}: pods pass webhook {hook['name']} when it does not answer."
            yield Finding(text, place_of(item), f"webhooks[{hook['name']}].failurePolicy", "Ignore")


def slow(cluster: Cluster) -> Iterator[Finding]:
    """Webhooks that hold up every pod for long."""
    for item, hook in _hooks(cluster):
        seconds = int(hook.get("timeoutSeconds") or MOST_SECONDS)
        if seconds > MOST_SECONDS and _is_about_pods(hook) and hook.get("failurePolicy", "Fail") == "Fail":
            text = f"{place_of(item)}: webhook {hook['name']} may hold up each pod for {seconds} s."
            yield Finding(text, place_of(item), f"webhooks[{hook['name']}].timeoutSeconds", str(seconds))


_OURS = frozenset(name for policy in POLICIES for name in policies(policy))
_SOME = Condition(
    lambda cluster: any(item["metadata"]["name"] in _OURS for item in cluster.of(POLICY)),
    "None of this collection's policies is here.",
)
_WEBHOOKS = Condition(lambda cluster: any(True for _hook in _hooks(cluster)), "There are no webhooks.")
_POLICIES = (POLICY, BINDING)
CHECKS = (
    Check(
        "GPU-ADM-001",
        "The admission policies are there",
        "admission_policies",
        "high",
        "Pod Security knows no GPUs, no registries and no digests; these policies do.",
        _ROLE,
        missing,
        (POLICY,),
        STAGES,
        {"cis": ("5.2.1", "5.5.1"), "aisvs": ("4.7.5",)},
    ),
    Check(
        "GPU-ADM-002",
        "Admission policies refuse",
        "admission_policies",
        "medium",
        "A warning stops nobody: a pod that takes a GPU past the scheduler runs all the same.",
        Remedy(
            "Choose the profile strict, or set the actions of the policy.", "admission_policies", "gpu_cluster_profile"
        ),
        toothless,
        _POLICIES,
        _SOME,
        {"aisvs": ("4.7.5",)},
    ),
    Check(
        "GPU-ADM-003",
        "Policies of pods look at every stage",
        "admission_policies",
        "high",
        "The stage that is left out is where the others' rules are evaded.",
        _ROLE,
        stages_left_out,
        ("Namespace", *_POLICIES),
        _SOME,
    ),
    Check(
        "GPU-ADM-004",
        "Policies refuse what they cannot judge",
        "admission_policies",
        "high",
        "An object that makes the expression fail passes then.",
        _ROLE,
        lenient,
        (POLICY,),
        _SOME,
    ),
    Check(
        "GPU-ADM-005",
        "Webhooks that must be asked are there",
        "admission_policies",
        "high",
        "Nothing that it is asked about can be made or changed: no pods, after the next restart of a node.",
        Remedy("Delete the configuration, or bring its service back."),
        without_service,
        (*HOOKS, "Service"),
        _WEBHOOKS,
    ),
    Check(
        "GPU-ADM-006",
        "The API server reaches webhooks",
        "network_policies",
        "critical",
        "A default deny over the webhook of an operator or scheduler of GPUs blocks all pods of the cluster.",
        Remedy(
            "Let the addresses of the control plane in by an ipBlock.", "network_policies", "gpu_cluster_extra_ingress"
        ),
        cut_off,
        (*HOOKS, "Service", "NetworkPolicy", "Deployment", "StatefulSet", "DaemonSet", "Pod"),
        _WEBHOOKS,
    ),
    Check(
        "GPU-ADM-007",
        "Webhooks are in the cluster",
        "admission_policies",
        "medium",
        "Pods with all they name, and Secrets where it asks for these, go to somebody else's server.",
        Remedy("Run the webhook in the cluster."),
        abroad,
        HOOKS,
        _WEBHOOKS,
    ),
    Check(
        "GPU-ADM-008",
        "Webhooks that judge pods are not passed over",
        "admission_policies",
        "medium",
        "Whoever can keep it busy, or waits for its restart, makes the pods that it refuses.",
        Remedy("Set failurePolicy Fail where it is always there, or use policies of the API server."),
        skipped,
        HOOKS,
        _WEBHOOKS,
    ),
    Check(
        "GPU-ADM-009",
        "Webhooks answer soon",
        "admission_policies",
        "low",
        "Hundreds of pods of one training job are then started by the minute.",
        Remedy("Set timeoutSeconds to 10 or less."),
        slow,
        HOOKS,
        _WEBHOOKS,
    ),
)
