# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a cluster once a run, with few small requests at once. Read-only; what may not be read is passed over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.guards import DAEMON_SETS_PATH
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.selection import NODES_PATH
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.question import Pods, Question
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.remarks import Remark, Seen, remarks

API_SERVICE_PATH = "/api/v1/namespaces/default/services/kubernetes"
SAMPLE = "50"
"""Nodes whose pod networks are held against those of endpoints; all are of one range."""
HINT = "If that is meant, put {name} into gpu_cluster_accepted_remarks."


def survey(client: Client, question: Question, version: str, accepted: Collection[str]) -> list[Remark]:
    """What a user should know, without what is accepted.

    Raises:
        HardeningError: the cluster would not work afterwards; nothing was changed.
    """
    found = [remark for remark in remarks(look(client, question, version), question) if remark.name not in accepted]
    refusals = [f"{remark.text} {HINT.format(name=remark.name)}" for remark in found if remark.refuses]
    if refusals:
        raise HardeningError(join_failures("The cluster would not work afterwards, nothing was changed", refusals))
    return [Remark(remark.name, f"{remark.text} {HINT.format(name=remark.name)}") for remark in found]


def look(client: Client, question: Question, version: str) -> Seen:
    """Ask for what the question needs, all at once."""
    asked = [*([question.dns] if question.dns else ()), *question.peers]
    jobs: list[Callable[[], Any]] = [partial(_items, client, _path(pods), _one(pods)) for pods in asked]
    if question.policies:
        jobs.append(lambda: [item for page in client.pages(DAEMON_SETS_PATH) for item in page["items"]])
    if question.blocks:
        jobs.append(lambda: _items(client, NODES_PATH, {"limit": SAMPLE}))
        jobs.append(lambda: client.get(API_SERVICE_PATH).body)
    answers = client.map(_readable, jobs)
    lists = dict(zip(asked, answers, strict=False))
    rest = answers[len(asked) :]
    networks: dict[str, str] = {}
    if question.blocks:
        nodes, service = rest[-2] or (), rest[-1] or {}
        networks = {**_of_pods(nodes), **_of_dns(lists.get(question.dns) or () if question.dns else ())}
        networks |= {f"{address}": "holds the Services, such as" for address in _addresses(service)}
    return Seen(
        version,
        client.verifies,
        rest[0] if question.policies else None,
        {pods: None if items is None else bool(items) for pods, items in lists.items()},
        networks,
    )


def _readable(job: Callable[[], Any]) -> Any:
    try:
        return job()
    except ApiError as error:
        if error.status in (403, 404):
            return None
        raise


def _items(client: Client, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
    return list(client.get(path, query).body.get("items") or ())


def _path(pods: Pods) -> str:
    return f"/api/v1/namespaces/{pods.namespace}/pods"


def _one(pods: Pods) -> dict[str, str]:
    return {"labelSelector": pods.selector, "limit": "1"}


def _of_pods(nodes: Any) -> dict[str, str]:
    networks = (cidr for node in nodes for cidr in node.get("spec", {}).get("podCIDRs") or ())
    return dict.fromkeys(networks, "holds the pods of")


def _of_dns(pods: Any) -> dict[str, str]:
    """Where a network plugin gives out addresses by itself, at least one is known."""
    on_pod_network = (pod for pod in pods if not pod.get("spec", {}).get("hostNetwork"))
    addresses = (entry["ip"] for pod in on_pod_network for entry in pod.get("status", {}).get("podIPs") or ())
    return dict.fromkeys(addresses, "holds pods, such as")


def _addresses(service: Mapping[str, Any]) -> list[str]:
    spec = service.get("spec") or {}
    return [text for text in spec.get("clusterIPs") or [spec.get("clusterIP")] if text and text != "None"]
