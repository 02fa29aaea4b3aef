# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user should know of a cluster before it is hardened, of which nothing else would tell. Pure.

Each remark has a name, by which a user says that it is meant so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.dns_cache import find_dns_cache
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.enforcement import enforcement
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.survey.question import (
    Pods,
    Question,
    as_network,
)

NAMES = ("certificate", "dns", "dns_cache", "examples", "networks", "policies", "selectors", "tags")


@dataclass(frozen=True)
class Remark:
    """One finding.

    Attributes:
        refuses: the run is not to go on with it.
    """

    name: str
    text: str
    refuses: bool = False


@dataclass(frozen=True)
class Seen:
    """What there is; None where it was not ours to read.

    Attributes:
        found: whether a pod is there, for each of the pods that were asked for.
        networks: of pods and Services, as far as they are known.
    """

    version: str
    verified: bool = True
    daemon_sets: Sequence[Mapping[str, Any]] | None = None
    found: Mapping[Pods, bool | None] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)


def remarks(seen: Seen, question: Question) -> list[Remark]:
    """All that is to be said."""
    return [
        *_certificate(seen),
        *_policies(seen, question),
        *_dns(seen, question),
        *_cache(seen, question),
        *_selectors(seen, question),
        *_networks(seen, question),
        *_examples(question),
        *_tags(question),
    ]


def _certificate(seen: Seen) -> Iterator[Remark]:
    if not seen.verified:
        yield Remark(
            "certificate",
            "The certificate of the API server is not verified (insecure-skip-tls-verify in the kubeconfig, or "
            "validate_certs: false): whoever is on the way sees all credentials and Secrets. Give the kubeconfig "
            "certificate-authority-data.",
        )


def _policies(seen: Seen, question: Question) -> Iterator[Remark]:
    if not question.policies or seen.daemon_sets is None:
        return
    found = enforcement(seen.daemon_sets, seen.version)
    if found.by:
        return
    known = f"only {', '.join(found.titles)}, which does not" if found.titles else "none of those that are known to"
    yield Remark(
        "policies",
        f"Nobody is seen to enforce NetworkPolicies: there is {known}. The API server takes the policies all the "
        "same, and everything still reaches everything.",
    )


def _dns(seen: Seen, question: Question) -> Iterator[Remark]:
    if question.dns is None or question.node_local or seen.found.get(question.dns) is not False:
        return
    yield Remark(
        "dns",
        f"gpu_cluster_dns selects no pod ({question.dns.selector} in {question.dns.namespace}), so with the default "
        "deny no name would resolve in any stage. What there is: kubectl get pods -A --show-labels | grep dns.",
        refuses=True,
    )


def _cache(seen: Seen, question: Question) -> Iterator[Remark]:
    if question.dns is None or question.node_local:
        return
    cache = find_dns_cache(seen.daemon_sets or ())
    if cache is not None:
        yield Remark(
            "dns_cache",
            f"DaemonSet {cache.namespace}/{cache.name} is a DNS cache on the nodes, and the pods of stages may not "
            "reach it: set gpu_cluster_dns.node_local_addresses to "
            f"[{', '.join(cache.addresses) or 'its address'}].",
        )


def _selectors(seen: Seen, question: Question) -> Iterator[Remark]:
    nothing = [pods for pods in question.peers if seen.found.get(pods) is False]
    if nothing:
        names = [f"{pods.what} ({pods.selector} in {pods.namespace})" for pods in nothing]
        yield Remark(
            "selectors",
            f"No pod is there now that is let in by {name_some(names)}. Whoever is meant is kept out if its pods have "
            "other labels.",
        )


def _networks(seen: Seen, question: Question) -> Iterator[Remark]:
    own = [(what, network) for text, what in seen.networks.items() if (network := as_network(text))]
    found: dict[tuple[str, str], str] = {}
    for block in question.blocks:
        for what, network in own:
            if block.holds(network):
                found.setdefault((block.what, what), f"{block.what} ({block.network}) {what} {network}")
    if found:
        yield Remark(
            "networks",
            f"Networks that stages may reach hold the cluster's own: {name_some(list(found.values()))}. Through "
            "them a stage reaches pods and Services that its policy does not name. Narrow them, or use except.",
        )


def _examples(question: Question) -> Iterator[Remark]:
    if question.examples:
        yield Remark(
            "examples",
            f"These still have the values of the example: {name_some(question.examples)}. Set them to what your site "
            "has: docs/stages.md, docs/admission.md.",
        )


def _tags(question: Question) -> Iterator[Remark]:
    if question.unlocked:
        yield Remark(
            "tags",
            f"Images go by their tag, which whoever can push to the registry can move: {name_some(question.unlocked)}. "
            "The playbook lock_images pins them: docs/images.md.",
        )
