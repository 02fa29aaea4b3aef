# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which policies are about to refuse more than now, and what they are tried on. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.pod_phases import has_finished
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.system_namespaces import SYSTEM

POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
LABEL = "gpu-cluster.hardening/rehearsal"
PREFIX = "rehearsal-"
MIRROR = "kubernetes.io/config.mirror"
_SAID = re.compile(
    rf"Validation failed for ValidatingAdmissionPolicy '{PREFIX}(?P<policy>[^']+)' with binding '[^']+': "
)
_JUDGED = ("variables", "matchConditions", "validations")
_TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
_GIVEN_LABELS = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")

Json = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """A workload that would not be admitted again.

    Attributes:
        policy: name of the policy.
        message: what it says against it.
    """

    kind: str
    namespace: str
    name: str
    policy: str
    message: str


def tightened(wanted: Sequence[Json], live: Sequence[Json]) -> list[Json]:
    """Policies of pods, each followed by its bindings, that will deny where the live ones do not yet.

    Args:
        wanted: manifests of the layer.
        live: policies and bindings that there are.
    """
    known = {(item["kind"], item["metadata"]["name"]): item["spec"] for item in live}
    policies = {item["metadata"]["name"]: item for item in wanted if item["kind"] == POLICY and _is_of_pods(item)}
    found: dict[str, list[Json]] = {}
    for item in wanted:
        policy = policies.get(item.get("spec", {}).get("policyName", "")) if item["kind"] == BINDING else None
        if policy is None or "Deny" not in item["spec"]["validationActions"]:
            continue
        now = known.get((BINDING, item["metadata"]["name"]), {})
        judged = known.get((POLICY, policy["metadata"]["name"]), {})
        same = "Deny" in now.get("validationActions", ()) and _selector(now) == _selector(item["spec"])
        if not same or any(judged.get(key) != policy["spec"].get(key) for key in _JUDGED):
            found.setdefault(policy["metadata"]["name"], [policy]).append(item)
    return [item for items in found.values() for item in items]


def holds_in(objects: Sequence[Json], namespace: str) -> bool:
    """Whether any of the bindings among these looks at a namespace; they select by its name."""
    selectors = [_selector(item["spec"]) or {} for item in objects if item["kind"] == BINDING]
    return any(
        all(
            (namespace in rule["values"]) is (rule["operator"] == "In") for rule in selector.get("matchExpressions", ())
        )
        for selector in selectors
    )


def copies(objects: Sequence[Json]) -> list[Json]:
    """The same under other names, with bindings that only warn."""
    return [_copy(item) for item in objects]


def marker(nonce: str) -> list[Json]:
    """A policy that warns of one ConfigMap: made last, it shows that the server acts on all that were made before."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}
    name = f"{PREFIX}{nonce}"
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "marker", "expression": f"object.metadata.name == '{name}'"}],
        "validations": [{"expression": "false", "message": "The policies are tried."}],
    }
    common = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name, "labels": {LABEL: "true"}}}
    bound = {"policyName": name, "validationActions": ["Warn"]}
    return [{**common, "kind": POLICY, "spec": spec}, {**common, "kind": BINDING, "spec": bound}]


def stands_alone(item: Mapping[str, Any]) -> bool:
    """Whether a workload is made by somebody and not by another workload, and is not over."""
    metadata = item["metadata"]
    owned = any(owner.get("controller") for owner in metadata.get("ownerReferences") or ())
    over = has_finished(item) or bool((item.get("status") or {}).get("completionTime"))
    mirrored = MIRROR in (metadata.get("annotations") or {})
    return not (owned or over or mirrored or "deletionTimestamp" in metadata or metadata["namespace"] in SYSTEM)


def candidate(item: Mapping[str, Any], api_version: str, kind: str) -> Json:
    """A live workload as somebody would make it again, under a name that an exemption of the old one covers."""
    metadata = item["metadata"]
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key not in _GIVEN_LABELS}
    kept = {"name": f"{metadata['name'][:45]}-check", "namespace": metadata["namespace"], "labels": labels}
    body: Json = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": kept,
        "spec": json.loads(json.dumps(item["spec"])),
    }
    if kind == "Pod":
        body["metadata"]["annotations"] = metadata.get("annotations") or {}
        _forget_what_the_server_added(body["spec"])
    if kind == "Job":
        for key in ("selector", "manualSelector"):
            body["spec"].pop(key, None)
        given = body["spec"]["template"].get("metadata", {}).get("labels") or {}
        for key in _GIVEN_LABELS:
            given.pop(key, None)
    return body


def refusals(body: Mapping[str, Any], name: str, warnings: Iterable[str]) -> list[Refusal]:
    """What the server's warnings say of one candidate."""
    matches = ((text, _SAID.match(text)) for text in warnings)
    place = (str(body["kind"]), str(body["metadata"]["namespace"]), name)
    return [Refusal(*place, match["policy"], text[match.end() :]) for text, match in matches if match]


def _is_of_pods(policy: Json) -> bool:
    rules = policy["spec"]["matchConstraints"]["resourceRules"]
    return any({"deployments", "statefulsets"} <= set(rule["resources"]) for rule in rules)


def _selector(spec: Mapping[str, Any]) -> Any:
    return (spec.get("matchResources") or {}).get("namespaceSelector")


def _copy(item: Json) -> Json:
    spec = dict(item["spec"])
    if item["kind"] == BINDING:
        spec |= {"policyName": f"{PREFIX}{spec['policyName']}", "validationActions": ["Warn"]}
    metadata = {"name": f"{PREFIX}{item['metadata']['name']}", "labels": {LABEL: "true"}}
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": metadata, "spec": spec}


def _forget_what_the_server_added(spec: Json) -> None:
    """Where the scheduler put a pod, and the token that the server mounted."""
    spec.pop("nodeName", None)
    spec.pop("ephemeralContainers", None)
    spec["volumes"] = [item for item in spec.get("volumes") or () if not _TOKEN_VOLUME.fullmatch(item["name"])]
    for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
        mounts = container.get("volumeMounts") or ()
        container["volumeMounts"] = [item for item in mounts if not _TOKEN_VOLUME.fullmatch(item["name"])]
