# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a snapshot of a cluster: every kind once, in pages, each made small before the next is read. Read-only."""

from __future__ import annotations

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.timestamps import rfc3339
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.kinds import (
    KINDS,
    LAYERS,
    Kind,
    layer_records,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.slim import Slimmer
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import (
    Json,
    Snapshot,
    in_order,
    key_of,
)


def take(client: Client, parent_namespace: str) -> Snapshot:
    """Take a snapshot.

    Raises:
        HardeningError: the server cannot be reached. What may not be read is no error: the snapshot says so.
    """
    taken_at = rfc3339()
    version = str(client.get("/version").body.get("gitVersion") or "") or None
    asked: list[tuple[str, Kind]] = [*((kind.kind, kind) for kind in KINDS), (LAYERS, layer_records(parent_namespace))]
    slim = Slimmer()
    answers = client.map(lambda entry: _read(client, entry[1], slim), asked)
    objects, unread, requests = {}, {}, 1
    for (name, _kind), (items, reason, pages) in zip(asked, answers, strict=True):
        requests += pages
        if reason:
            unread[name] = reason
        else:
            objects[name] = items
    return Snapshot("api", taken_at, objects, unread, client.server, version, requests)


def _read(client: Client, kind: Kind, slim: Slimmer) -> tuple[tuple[Json, ...], str, int]:
    """Objects of a kind; why they are not known, if so; and how many requests it took."""
    found: dict[tuple[str, str], Json] = {}
    pages = 0
    try:
        for page in client.pages(kind.path, kind.query):
            pages += 1
            for item in page["items"]:
                found[key_of(item)] = slim(kind, item)
    except ApiError as error:
        if error.status == 403:
            return (), f"the user may not list {_spell(kind)}", pages + 1
        if error.status != 404:
            raise
        # Not served, so there is none. A whole page is never missing in the middle.
    return in_order(found), "", max(pages, 1)


def _spell(kind: Kind) -> str:
    return f"{kind.plural.rpartition('/')[2]}{f'.{kind.group}' if kind.group else ''}"
