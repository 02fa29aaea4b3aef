# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first look at a cluster: can it be reached, how old is it, does it serve what will be applied. Read-only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.client import Client
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.discovery import Discovery
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures

VERSION = re.compile(r"v?(\d+)\.(\d+)")


def inspect_cluster(client: Client, minimum_version: object, kinds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Version of a cluster, and which of ``kinds`` (``[{api_version, kind, required}]``) it serves.

    Raises:
        HardeningError: the server is older than ``minimum_version`` or does not serve a kind that is required.
    """
    wanted = parse_version(minimum_version, "minimum_version")
    version = client.get("/version").body
    text = str(version.get("gitVersion", ""))
    problems: list[str] = []
    if parse_version(text, f"version of {client.server}") < wanted:
        problems.append(f"it is {text}, and Kubernetes {minimum_version} is the oldest that will do; upgrade it")
    discovery = Discovery(client)
    discovery.load({kind["api_version"] for kind in kinds})
    served = [
        {**name, "served": discovery.find(**name) is not None}
        for name in ({key: str(kind[key]) for key in ("api_version", "kind")} for kind in kinds)
    ]
    problems += [
        f"it does not serve {kind['kind']} ({kind['api_version']}). {discovery.hint(kind['api_version'], kind['kind'])}"
        for kind, found in zip(kinds, served, strict=True)
        if kind["required"] and not found["served"]
    ]
    if problems:
        raise HardeningError(join_failures(f"The cluster {client.server} cannot be hardened", problems))
    return {
        "server": client.server,
        "ca_cert": client.ca_certificates,
        "version": text,
        "platform": str(version.get("platform", "")),
        "served": served,
    }


def parse_version(text: object, what: str) -> tuple[int, int]:
    """Major and minor of ``v1.37.2``, ``1.30`` or ``v1.31.4-eks-1a2b3c``."""
    if not isinstance(text, str):
        raise HardeningError(f"{what}: YAML reads this as {text}, and it may have been written otherwise; quote it.")
    match = VERSION.match(text)
    if match is None:
        raise HardeningError(f"{what}: {text!r} is not a Kubernetes version such as 1.30.")
    return int(match[1]), int(match[2])
