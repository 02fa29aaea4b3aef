# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the pods of an object that is waited for, and what keeps them from being ready. Read-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.event_log import last_warning
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.pod_troubles import Trouble, first_trouble
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError

WITH_PODS = frozenset({"DaemonSet", "Deployment", "Job", "Pod", "StatefulSet"})
MOST_PODS = "100"


def trouble_of(client: Client, obj: Mapping[str, Any]) -> Trouble | None:
    """What keeps the pods of an object from being ready; None if nothing is seen, or pods are not ours to read."""
    if obj.get("kind") not in WITH_PODS:
        return None
    try:
        pods = [obj] if obj["kind"] == "Pod" else _pods(client, obj)
        trouble = first_trouble(pods)
        if trouble is None or not trouble.silent:
            return trouble
        (pod,) = [pod for pod in pods if pod["metadata"]["name"] == trouble.pod]
        warning = last_warning(client, pod)
    except HardeningError:
        return None  # this only explains; what is waited for decides
    return replace(trouble, text=f"{trouble.text}: {warning}", silent=False) if warning else trouble


def _pods(client: Client, obj: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    selector = _selector(obj.get("spec", {}).get("selector") or {})
    if not selector:
        return []
    path = f"/api/v1/namespaces/{obj['metadata']['namespace']}/pods"
    return list(client.get(path, {"labelSelector": selector, "limit": MOST_PODS}).body.get("items") or ())


def _selector(selector: Mapping[str, Any]) -> str:
    """A LabelSelector as a query has it."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for item in selector.get("matchExpressions") or ():
        key, operator, values = item["key"], item["operator"], ",".join(item.get("values") or ())
        words = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(words.get(operator, f"!{key}"))
    return ",".join(parts)
