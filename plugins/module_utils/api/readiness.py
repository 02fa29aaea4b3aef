# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object has done what its manifest asks for. Pure functions on live objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.external_secret_sync import is_stale


@dataclass(frozen=True)
class Readiness:
    """Whether an object is ready, and if not, why; ``failed`` if waiting longer is of no use."""

    ready: bool
    reason: str = ""
    failed: bool = False


READY = Readiness(True)
# Reasons of an ExternalSecret that is Ready although it has no Secret.
WITHOUT_SECRET = ("SecretDeleted", "SecretMissing")


def readiness(obj: Mapping[str, Any]) -> Readiness:
    """Readiness of any object: by its kind's rule, else by a ``Ready`` condition if it has one, else at once."""
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    rule = RULES.get((group, str(obj.get("kind"))))
    if rule is not None:
        observed = obj.get("status", {}).get("observedGeneration")
        if observed is not None and observed < obj["metadata"].get("generation", 0):
            return Readiness(False, "its controller has not seen the change yet")
        return rule(obj)
    if "Ready" in conditions(obj):
        return _by_condition(obj, "Ready")
    return READY


def is_waitable(group: str, kind: str) -> bool:
    """Whether objects of a kind can be anything but ready at once: those with a rule, and custom resources."""
    return (group, kind) in RULES or ("." in group and not group.endswith(".k8s.io"))


def conditions(obj: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Status conditions by type."""
    return {condition["type"]: condition for condition in obj.get("status", {}).get("conditions") or ()}


def _by_condition(obj: Mapping[str, Any], name: str) -> Readiness:
    condition = conditions(obj).get(name)
    if condition is None:
        return Readiness(False, f"condition {name} is not reported yet")
    if condition.get("status") == "True":
        return READY
    detail = condition.get("message") or condition.get("reason") or "no reason given"
    return Readiness(False, f"condition {name} is {condition.get('status')}: {detail}")


def _established(obj: Mapping[str, Any]) -> Readiness:
    names = conditions(obj).get("NamesAccepted", {})
    if names.get("status") == "False":
        return Readiness(False, f"its names are not accepted: {names.get('message')}", failed=True)
    return _by_condition(obj, "Established")


def _pod(obj: Mapping[str, Any]) -> Readiness:
    phase = obj.get("status", {}).get("phase")
    if phase == "Succeeded":
        return READY
    if phase == "Failed":
        return Readiness(False, f"failed: {obj['status'].get('message') or obj['status'].get('reason')}", failed=True)
    return _by_condition(obj, "Ready" if "Ready" in conditions(obj) else "PodScheduled")


def _job(obj: Mapping[str, Any]) -> Readiness:
    """A Job is ready once a pod of it runs or has run: waiting for a training run would take days.

    A pod that cannot start is active, too, so that alone says nothing.
    """
    failed = conditions(obj).get("Failed", {})
    if failed.get("status") == "True":
        return Readiness(False, f"failed: {failed.get('message')}", failed=True)
    status = obj.get("status", {})
    if conditions(obj).get("Complete", {}).get("status") == "True" or status.get("ready") or status.get("succeeded"):
        return READY
    return READY if obj["spec"].get("suspend") else Readiness(False, "no pod has started")


def _deployment(obj: Mapping[str, Any]) -> Readiness:
    progress = conditions(obj).get("Progressing", {})
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return Readiness(False, str(progress.get("message")), failed=True)
    verdict = _replicas(obj, obj["spec"].get("replicas", 1), "availableReplicas", "updatedReplicas")
    old = obj.get("status", {}).get("replicas", 0) - obj.get("status", {}).get("updatedReplicas", 0)
    return Readiness(False, f"{old} pods of before are still there") if verdict.ready and old > 0 else verdict


def _stateful_set(obj: Mapping[str, Any]) -> Readiness:
    return _replicas(obj, obj["spec"].get("replicas", 1), "readyReplicas", "updatedReplicas")


def _daemon_set(obj: Mapping[str, Any]) -> Readiness:
    wanted = obj.get("status", {}).get("desiredNumberScheduled", 0)
    return _replicas(obj, wanted, "numberAvailable", "updatedNumberScheduled")


def _replicas(obj: Mapping[str, Any], wanted: int, available: str, updated: str) -> Readiness:
    status = obj.get("status", {})
    if status.get("observedGeneration") is None:
        return Readiness(False, "its controller has not seen it yet")
    for field, word in ((updated, "updated"), (available, "available")):
        if status.get(field, 0) < wanted:
            return Readiness(False, f"{status.get(field, 0)} of {wanted} pods are {word}")
    return READY


def _admission_policy(obj: Mapping[str, Any]) -> Readiness:
    """A policy is ready once its expressions were checked against the schemas of what it matches."""
    status = obj.get("status", {})
    if status.get("observedGeneration") is None:
        return Readiness(False, "its controller has not checked its expressions yet")
    found = status.get("typeChecking", {}).get("expressionWarnings") or ()
    if found:
        texts = "; ".join(f"{warning['fieldRef']}: {warning['warning']}" for warning in found)
        return Readiness(False, f"its expressions are wrong: {texts}", failed=True)
    return READY


def _external_secret(obj: Mapping[str, Any]) -> Readiness:
    """Fetched, and not only before it was changed."""
    verdict = _by_condition(obj, "Ready")
    condition = conditions(obj).get("Ready", {})
    if verdict.ready and condition.get("reason") in WITHOUT_SECRET:
        return Readiness(False, f"there is no Secret: {condition.get('message') or condition['reason']}")
    if verdict.ready and is_stale(obj):
        return Readiness(False, "the operator has not fetched it again since it was changed")
    return verdict


def _store(obj: Mapping[str, Any]) -> Readiness:
    """A store that the operator has logged in with."""
    return _by_condition(obj, "Ready")


def _namespace(obj: Mapping[str, Any]) -> Readiness:
    phase = obj.get("status", {}).get("phase", "Active")
    return READY if phase == "Active" else Readiness(False, f"phase {phase}", failed=True)


RULES: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], Readiness]] = {
    ("", "Namespace"): _namespace,
    ("", "Pod"): _pod,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): _admission_policy,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _established,
    ("external-secrets.io", "ExternalSecret"): _external_secret,
    ("external-secrets.io", "SecretStore"): _store,
    ("external-secrets.io", "ClusterSecretStore"): _store,
}
