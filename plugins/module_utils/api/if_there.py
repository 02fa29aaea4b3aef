# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads or deletes what may not be there: that the API server knows no such object is an answer, not an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.refusals import ApiError


def get_if_there(client: Client, path: str, kind: str = "") -> dict[str, Any] | None:
    """What is at a path, which must be of ``kind`` where that is given; None if nothing is.

    Raises:
        ApiError: the server refused it.
    """
    try:
        return client.get(path, kind=kind).body
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def delete_if_there(
    client: Client, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
) -> None:
    """Delete what is at a path.

    Raises:
        ApiError: the server refused it.
    """
    try:
        client.request("DELETE", path, query, body)
    except ApiError as error:
        if error.status != 404:
            raise
