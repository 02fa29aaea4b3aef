# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletes one object: this very one, not one that took its name meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Resource
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.if_there import delete_if_there
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.manifest import Manifest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.wait import Deadline, until_gone, wait_for


def delete_object(
    client: Client, manifest: Manifest, resource: Resource, live: Mapping[str, Any], dry_run: bool = False
) -> None:
    """Delete an object; dependants go in the background.

    The server reads dryRun from the body, and only if there is none from the query; the query is for the audit log.

    Raises:
        ApiError: the server refused it. That it is gone already is none.
    """
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": live["metadata"]["uid"]},
        "propagationPolicy": "Background",
        **({"dryRun": ["All"]} if dry_run else {}),
    }
    query = {"dryRun": "All"} if dry_run else {}
    delete_if_there(client, resource.path(manifest.namespace, manifest.name), query, body)


def delete_and_wait(
    client: Client, manifest: Manifest, resource: Resource, live: Mapping[str, Any], seconds: float
) -> None:
    """Delete an object and wait until its name is free.

    Raises:
        ApiError: the server refused it, or it was not gone in time.
    """
    delete_object(client, manifest, resource, live)
    for failure in wait_for(client, [(manifest, resource)], until_gone, Deadline.after(seconds)):
        raise ApiError(409, "Conflict", f"deleted, but {failure.message}")
