# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who scrapes, and which labels rules must have to be read. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.pod_phases import has_finished
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.snapshot import Snapshot
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import split_reference

IMAGES = ("prometheus/prometheus", "victoriametrics/vmagent")
"""Ends of the repositories of programs that scrape."""
_NAMES = ("app.kubernetes.io/name", "app", "k8s-app")
"""Labels that name a program, the usual one first."""


@dataclass(frozen=True)
class Scraper:
    """Pods that scrape, as ``gpu_cluster_prometheus`` names them."""

    namespace: str
    pods: Mapping[str, str]


def scrapers(snapshot: Snapshot) -> list[Scraper]:
    """All of them, each namespace and label once. Those without a label that names them cannot be let in."""
    found: dict[tuple[str, str, str], Scraper] = {}
    for pod in snapshot.objects.get("Pod", ()):
        images = [split_reference(str(one.get("image", "")))[0] for one in pod["spec"].get("containers") or ()]
        if has_finished(pod) or not any(f"/{image}".endswith(f"/{end}") for image in images for end in IMAGES):
            continue
        labels = pod["metadata"].get("labels") or {}
        key = next((name for name in _NAMES if labels.get(name)), "")
        if key:
            namespace = pod["metadata"]["namespace"]
            found.setdefault((namespace, key, labels[key]), Scraper(namespace, {key: labels[key]}))
    return [found[key] for key in sorted(found)]


def rule_labels(snapshot: Snapshot, own: Collection[str]) -> dict[str, str]:
    """The label ``release`` that rules of others have, by which kube-prometheus-stack selects what it reads.

    Empty where there are no rules, or those of most have none.
    """
    rules = [item for item in snapshot.objects.get("PrometheusRule", ()) if item["metadata"]["name"] not in own]
    releases = Counter((item["metadata"].get("labels") or {}).get("release") for item in rules)
    return {"release": most} if releases and (most := releases.most_common(1)[0][0]) else {}
