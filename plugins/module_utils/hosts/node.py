# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node that a machine is: told from others, emptied of what uses GPUs, and given back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import MERGE_PATCH, Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.if_there import get_if_there
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.timestamps import rfc3339
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.hosts.dependents import evictable
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.gpu_facts import GPU_RESOURCE, MIG_PREFIX

Object = Mapping[str, Any]
CORDONED = "gpu-cluster.hardening/cordoned"
"""Annotation of a node that we cordoned: JSON with ``since`` and the ``gpus`` that it had."""
_PAUSE = 2.0
_RENEWALS = 2
"""How often the kubelet must have said that it lives before its word is taken for the state after a change."""


@dataclass(frozen=True)
class Watch:
    """How long is waited, and how time passes."""

    seconds: float
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


def read_node(client: Client, name: str) -> Object:
    """The node.

    Raises:
        HardeningError: there is none of this name.
    """
    node = get_if_there(client, f"/api/v1/nodes/{name}", kind="Node")
    if node is None:
        raise HardeningError(
            f"The cluster has no node {name}. Set gpu_host_node to the name of the machine's node, or"
            " gpu_host_cluster to its cluster."
        )
    return node


def pods_on(client: Client, name: str) -> list[Object]:
    """All pods of a node."""
    query = {"fieldSelector": f"spec.nodeName={name}"}
    return [pod for page in client.pages("/api/v1/pods", query) for pod in page["items"]]


def other_machine(node: Object, facts: Mapping[str, Any]) -> str:
    """Why a machine is not the node that it is said to be; empty if it is. A node is told by more than its name."""
    info = (node.get("status") or {}).get("nodeInfo") or {}
    name = node["metadata"]["name"]
    same = {
        "machine-id": (str(info.get("machineID", "")).replace("-", "").lower(), facts["machine_id"].lower()),
        "system UUID": (str(info.get("systemUUID", "")).lower(), facts["system_uuid"].lower()),
    }
    known = {what: pair for what, pair in same.items() if all(pair)}
    if known and not any(first == second for first, second in known.values()):
        what, (theirs, ours) = next(iter(known.items()))
        return f"node {name} has {what} {theirs}, the machine has {ours}"
    addresses = [
        entry["address"] for entry in (node.get("status") or {}).get("addresses") or () if entry["type"] == "InternalIP"
    ]
    if addresses and facts["addresses"] and not set(addresses) & set(facts["addresses"]):
        return f"node {name} has address {addresses[0]}, which the machine has not"
    return "" if known or addresses else f"node {name} says nothing that would tell its machine from others"


def gpus_of(node: Object) -> dict[str, int]:
    """Allocatable GPUs by the name of the resource."""
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    return {
        key: int(value)
        for key, value in sorted(allocatable.items())
        if key.startswith((GPU_RESOURCE, MIG_PREFIX)) and str(value).isdigit()
    }


def is_ready(node: Object) -> bool:
    """Whether the kubelet says so."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def note_of(node: Object) -> dict[str, Any] | None:
    """What we noted when we cordoned the node; None if it was not us."""
    text = (node["metadata"].get("annotations") or {}).get(CORDONED)
    if text is None:
        return None
    try:
        note = json.loads(text)
        return {"since": str(note["since"]), "gpus": {str(key): int(value) for key, value in note["gpus"].items()}}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"since": "", "gpus": {}}


def drain(client: Client, name: str, dependents: Sequence[Mapping[str, str]], watch: Watch) -> list[str]:
    """Cordon a node and evict what uses GPUs, as its budgets allow. Returns the names of pods that went.

    Raises:
        HardeningError: a pod does not go. The node is as it was before.
    """
    node = read_node(client, name)
    pods = list(evictable(pods_on(client, name), dependents))
    if bare := [_name(pod) for pod in pods if not pod["metadata"].get("ownerReferences")]:
        raise HardeningError(
            f"On node {name}, {name_some(bare)} uses a GPU and has no controller that would start it elsewhere. Delete"
            " it when its work is done, and run this again. Nothing was changed."
        )
    ours = _cordon(client, node)
    try:
        _evict_all(client, name, pods, watch)
    except HardeningError as error:
        if ours:
            _patch(client, name, {"unschedulable": None}, {CORDONED: None})
        raise HardeningError(f"{error.message} Nothing was changed on the machine.") from None
    return [_name(pod) for pod in pods]


def give_back(client: Client, name: str, gpus: Mapping[str, int], watch: Watch) -> bool:
    """Wait until a node is ready with the GPUs that it had, then uncordon it if we cordoned it.

    Args:
        client: of the cluster.
        name: of the node.
        gpus: allocatable ones before the change, where the node itself does not carry a note of them.
        watch: how long is waited.

    Returns:
        Whether it was uncordoned.

    Raises:
        HardeningError: it is not ready in time.
    """
    deadline = watch.now() + watch.seconds
    renewals: set[str] = set()
    while True:
        node = read_node(client, name)
        note = note_of(node)
        renewals.add(_renewed(client, name))
        lacking = _lacking(node, note["gpus"] if note else gpus)
        if not lacking and len(renewals) > _RENEWALS:
            if note is not None:
                _patch(client, name, {"unschedulable": None}, {CORDONED: None})
            return note is not None
        if watch.now() > deadline:
            why = lacking or "its kubelet does not renew its lease"
            raise HardeningError(f"Node {name} is not as before, {watch.seconds:.0f} s after the change: {why}.")
        watch.sleep(_PAUSE)


def _lacking(node: Object, gpus: Mapping[str, int]) -> str:
    if not is_ready(node):
        return "it is not Ready"
    now = gpus_of(node)
    fewer = [f"{now.get(key, 0)} of {count} {key}" for key, count in gpus.items() if now.get(key, 0) < count]
    return f"it has {name_some(fewer)}" if fewer else ""


def _renewed(client: Client, name: str) -> str:
    """When the kubelet last said that it lives; it says so every ten seconds, and its clock may be any."""
    lease = client.get(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}", kind="Lease").body
    return str((lease.get("spec") or {}).get("renewTime"))


def _cordon(client: Client, node: Object) -> bool:
    """Returns whether we did, now or in an earlier run; what others cordoned is theirs to uncordon."""
    if note_of(node) is not None:
        return True
    if (node.get("spec") or {}).get("unschedulable"):
        return False
    note = json.dumps({"since": rfc3339(), "gpus": gpus_of(node)}, sort_keys=True)
    _patch(client, node["metadata"]["name"], {"unschedulable": True}, {CORDONED: note})
    return True


def _patch(client: Client, name: str, spec: Mapping[str, Any], annotations: Mapping[str, str | None]) -> None:
    body = {"metadata": {"annotations": annotations}, "spec": spec}
    query = {"fieldManager": "gpu_cluster.hardening"}
    client.request("PATCH", f"/api/v1/nodes/{name}", query, body, MERGE_PATCH)


def _evict_all(client: Client, node: str, pods: Sequence[Object], watch: Watch) -> None:
    deadline = watch.now() + watch.seconds
    left = {pod["metadata"]["uid"]: pod for pod in pods}
    while left:
        refusals = [refusal for pod in left.values() if (refusal := _evict(client, pod))]
        there = {pod["metadata"]["uid"] for pod in pods_on(client, node)}
        left = {uid: pod for uid, pod in left.items() if uid in there}
        if left and watch.now() > deadline:
            why = f": {refusals[0]}" if refusals else ""
            names = name_some([_name(pod) for pod in left.values()])
            raise HardeningError(f"On node {node}, {names} is still there after {watch.seconds:.0f} s{why}.")
        if left:
            watch.sleep(_PAUSE)


def _evict(client: Client, pod: Object) -> str:
    """Why it may not go now, in the server's words; empty if it goes."""
    metadata = pod["metadata"]
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "deleteOptions": {"preconditions": {"uid": metadata["uid"]}},
    }
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"
    try:
        client.request("POST", path, None, body)
    except ApiError as error:
        if error.status in (404, 409):
            return ""  # gone, or another one of its name
        if error.status == 429:
            return error.message
        raise
    return ""


def _name(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
