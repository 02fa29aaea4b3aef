# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DNS cache on the nodes, which pods reach by an address that no selector of pods names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_IMAGE = "k8s-dns-node-cache"


@dataclass(frozen=True)
class DnsCache:
    """A DaemonSet that is one.

    Attributes:
        addresses: what it listens on, where its arguments say so.
    """

    namespace: str
    name: str
    addresses: tuple[str, ...]


def find_dns_cache(daemon_sets: Iterable[Mapping[str, Any]]) -> DnsCache | None:
    """The first of these DaemonSets that is one; upstream's, kubespray's and RKE2's run the same program."""
    for item in daemon_sets:
        for container in item["spec"]["template"]["spec"].get("containers") or ():
            if _IMAGE in str(container.get("image", "")):
                words = [*(container.get("command") or ()), *(container.get("args") or ())]
                metadata = item["metadata"]
                return DnsCache(metadata["namespace"], metadata["name"], tuple(_addresses(words)))
    return None


def _addresses(words: Sequence[object]) -> list[str]:
    """What the cache listens on; the link-local one is what pods are given, or else the Service's."""
    texts = [str(word) for word in words]
    joined = next((text.partition("=")[2] for text in texts if text.startswith(("-localip=", "--localip="))), "")
    if not joined and "-localip" in texts[:-1]:
        joined = texts[texts.index("-localip") + 1]
    return [text for text in joined.split(",") if text]
