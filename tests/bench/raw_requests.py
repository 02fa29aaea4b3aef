# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same requests as those of the module, and nothing else: what the API server takes for new objects, at best."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kubernetes import client, config
from mixed_manifests import Manifest

CONCURRENCY = 16  # that of our modules, by default
APPLY = "application/apply-patch+yaml"
OWNER = "fieldManager=raw&force=false&fieldValidation=Strict"
SCRATCH = "default"  # where our module tries what is for a namespace that does not exist yet
PLURALS = {
    "Namespace": "namespaces",
    "ConfigMap": "configmaps",
    "ServiceAccount": "serviceaccounts",
    "Role": "roles",
    "NetworkPolicy": "networkpolicies",
    "Service": "services",
}

Request = tuple[str, str, bytes, str]
"""Method, path with query, body, content type."""


def sender(kubeconfig: Path) -> Callable[[Sequence[Manifest]], None]:
    """Something that creates manifests with two requests each, a dry run and a write, many at once.

    It looks at no answer but for its status. What it sends is made before the first request.
    """
    settings = client.Configuration()
    settings.connection_pool_maxsize = CONCURRENCY
    config.load_kube_config(str(kubeconfig), client_configuration=settings)
    pool = client.ApiClient(settings).rest_client.pool_manager

    def send(request: Request) -> None:
        method, path, body, content_type = request
        answer = pool.request(method, settings.host + path, body=body, headers={"Content-Type": content_type})
        if answer.status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.data[:500]!r}")

    def create(manifests: Sequence[Manifest]) -> None:
        with ThreadPoolExecutor(CONCURRENCY) as threads:
            for wave in waves(manifests):
                list(threads.map(send, wave))

    return create


def waves(manifests: Sequence[Manifest]) -> list[list[Request]]:
    """Requests that need not wait for each other: all dry runs, then namespaces, then what is in them."""
    namespaces = [item for item in manifests if item["kind"] == "Namespace"]
    others = [item for item in manifests if item["kind"] != "Namespace"]
    dry_runs = [*(_apply(item, "&dryRun=All") for item in namespaces), *(_try_elsewhere(item) for item in others)]
    return [dry_runs, [_apply(item) for item in namespaces], [_apply(item) for item in others]]


def _apply(item: Manifest, more: str = "") -> Request:
    metadata = item["metadata"]
    path = f"{_folder(item, metadata.get('namespace'))}/{metadata['name']}?{OWNER}{more}"
    return "PATCH", path, json.dumps(item).encode(), APPLY


def _try_elsewhere(item: Manifest) -> Request:
    body = {**item, "metadata": {**item["metadata"], "namespace": SCRATCH}}
    path = f"{_folder(item, SCRATCH)}?fieldValidation=Strict&dryRun=All"
    return "POST", path, json.dumps(body).encode(), "application/json"


def _folder(item: dict[str, Any], namespace: str | None) -> str:
    version = item["apiVersion"]
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{place}/{PLURALS[item['kind']]}"
