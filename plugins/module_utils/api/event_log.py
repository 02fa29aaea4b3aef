# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller last complained of about an object: conditions say that something is wrong, events say what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError

MOST_CHARACTERS = 600


def last_warning(client: Client, obj: Mapping[str, Any]) -> str:
    """Message of the last Warning about an object, on one line; empty if there is none, or it is not ours to read."""
    metadata = obj["metadata"]
    # Events about objects of the whole cluster are kept in the namespace default.
    path = f"/api/v1/namespaces/{metadata.get('namespace') or 'default'}/events"
    selector = f"involvedObject.uid={metadata.get('uid', '')},type=Warning"
    try:
        events = [item for page in client.pages(path, {"fieldSelector": selector}) for item in page["items"]]
    except ApiError as error:
        if error.status in (403, 404):
            return ""
        raise
    message = " ".join(str(max(events, key=_time).get("message", "")).split()) if events else ""
    return message if len(message) <= MOST_CHARACTERS else f"{message[:MOST_CHARACTERS]}..."


def _time(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    # All are in UTC and in the same form, up to fractions of a second.
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")[:19]
