# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of an inventory, with what they are taken from. Pure.

A variable that could not be found out, or that only a person can decide, is an example in a comment, with what to look
for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.api.cluster import VERSION
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.entries import Entry, Section
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.findings import Findings
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.inventories.gpu_node_entries import (
    about_cut_off,
    about_gpu_nodes,
)

SOCKETS = ("/run/containerd/containerd.sock",)
"""Where containerd listens by itself, which roles know."""
EXAMPLE_DNS = {
    "namespace": "kube-system",
    "pods": {"k8s-app": "kube-dns"},
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    "node_local_addresses": [],
}
EXAMPLE_ENDPOINTS = {
    "data_lake": {"cidr": "192.0.2.0/24", "ports": [{"port": 443}]},
    "model_registry": {"cidr": "198.51.100.0/24", "ports": [{"port": 443}]},
}


def sections(found: Findings, taints: Sequence[Any]) -> list[Section]:
    """All of them, in the order in which they are read; ``taints`` are those that GPU nodes would get."""
    parts = (
        ("The cluster", _cluster(found)),
        ("Networks", _networks(found)),
        ("Workloads", _workloads(found)),
        ("GPU nodes", about_gpu_nodes(found, taints)),
        ("DaemonSets that the taint keeps off GPU nodes", about_cut_off(found)),
        ("GPU stack", _stack(found)),
        ("Secrets", _secrets(found)),
    )
    return [Section(title, tuple(entries)) for title, entries in parts]


def obstacles(found: Findings) -> list[str]:
    """What stops the main job until somebody does something about it."""
    told = []
    match = VERSION.match(found.version)
    if match and (int(match[1]), int(match[2])) < (1, 30):
        told.append(f"Kubernetes is {found.version}; 1.30 is the oldest that will do.")
    if found.dns is None:
        told.append("No DNS was found, and with the default deny no name would resolve: set gpu_cluster_dns.")
    return told


def _cluster(found: Findings) -> Iterator[Entry]:
    name = found.distribution.name or "Of no distribution that is known"
    version = found.version or "unknown"
    yield Entry((f"{name}, {version}: {found.distribution.evidence}.",))
    if found.unread:
        yield Entry(("Not looked at: " + name_some(sorted(set(found.unread.values()))) + ".",))
    match = VERSION.match(found.version)
    yield Entry(
        ("So that an upgrade of the cluster does not tighten Pod Security by itself.",),
        "gpu_cluster_pod_security_version",
        f"v{match[1]}.{match[2]}" if match else "latest",
        bool(match),
    )


def _networks(found: Findings) -> Iterator[Entry]:
    yield Entry(_enforcement(found))
    if found.dns is None:
        yield Entry(
            (
                "Not found: no Service answers on port 53/UDP with pods behind it. Look for the pods of the DNS:",
                "  kubectl get pods -A --show-labels | grep -i dns",
            ),
            "gpu_cluster_dns",
            EXAMPLE_DNS,
            known=False,
        )
    else:
        local = found.dns["node_local_addresses"]
        cache = f", and the cache on the nodes at {', '.join(local)}" if local else "; there is no cache on the nodes"
        yield Entry((f"The pods behind the Service of the DNS{cache}.",), "gpu_cluster_dns", dict(found.dns))
    yield Entry(
        (
            "Nothing in the cluster says where your data lake and your model registry are. Until this is set, stages",
            "may reach the networks of the example, 10.0.100.0/24 and 10.0.50.0/24, and no others.",
        ),
        "gpu_cluster_endpoints",
        EXAMPLE_ENDPOINTS,
        known=False,
    )
    yield from _prometheus(found)


def _enforcement(found: Findings) -> tuple[str, ...]:
    if "DaemonSet" in found.unread:
        return ("Whether anybody enforces NetworkPolicies is not known: DaemonSets could not be read.",)
    if found.network.by:
        return (f"NetworkPolicies are enforced by {', '.join(found.network.by)}.",)
    there = f"only {', '.join(found.network.titles)}, which does not" if found.network.titles else "no known plugin"
    return (
        f"Nobody is seen to enforce NetworkPolicies: there is {there}. The policies are applied all the same, and",
        "everything still reaches everything. Calico and Cilium enforce them.",
    )


def _prometheus(found: Findings) -> Iterator[Entry]:
    if not found.scrapers:
        yield Entry(
            (
                "No Prometheus was found. Who may scrape GPUs and Falco; without it, the pods of the stage monitoring:",
                "  kubectl get pods -A --show-labels | grep -i prometheus",
            ),
            "gpu_cluster_prometheus",
            {"namespace": "monitoring", "pods": {"app.kubernetes.io/name": "prometheus"}},
            known=False,
        )
        return
    first, *others = found.scrapers
    also = [f"{one.namespace} ({', '.join(f'{k}={v}' for k, v in one.pods.items())})" for one in others]
    comment = "Who may scrape GPUs and Falco, and where the alerts go."
    yield Entry(
        (comment, *((f"There is more than one: {name_some(also)}.",) if also else ())),
        "gpu_cluster_prometheus",
        {"namespace": first.namespace, "pods": dict(first.pods)},
    )
    if found.rule_labels:
        yield Entry(
            ("The label of most rules that are there, by which they are read.",),
            "gpu_alerts_object_labels",
            dict(found.rule_labels),
        )


def _workloads(found: Findings) -> Iterator[Entry]:
    run = found.running
    for reason in run.unread:
        yield Entry((reason,))
    if run.in_stages:
        yield Entry(
            (
                f"{len(run.in_stages)} workloads are in the namespaces of stages already: {name_some(run.in_stages)}.",
                "So begin with what refuses nothing, and go on to standard by docs/profiles.md.",
            ),
            "gpu_cluster_profile",
            "audit",
        )
    else:
        yield Entry(
            ("Nothing runs in the namespaces of stages, so the default can be kept: what is forbidden is refused.",),
            "gpu_cluster_profile",
            "standard",
            known=False,
        )
    if run.violations:
        names = [f"{v.namespace}/{v.pod} ({v.level}: {', '.join(v.reasons)})" for v in run.violations]
        yield Entry(("Would not be admitted again by Pod Security:", *names))
    if run.unlabelled:
        yield Entry(
            ("Would be cut off from everything by the default deny, without the label of their stage:", *run.unlabelled)
        )
    if run.elsewhere:
        yield Entry(
            (
                f"GPUs are also used in namespaces of no stage: {name_some(run.elsewhere)}.",
                "Make stages of them; docs/stages.md has every key.",
            ),
            "gpu_cluster_stages",
            "{{ gpu_cluster_default_stages + my_stages }}",
            known=False,
        )
    seen = (
        f"Those of the workloads above come from {name_some(run.registries)}."
        if run.registries
        else "Nothing runs yet."
    )
    yield Entry(
        (f"Decide which registries images of stages may come from. {seen}",),
        "admission_policies_registries",
        list(run.registries) or ["registry.example.com"],
        known=False,
    )


def _stack(found: Findings) -> Iterator[Entry]:
    foreign = [one for one in found.components if not one.own]
    if not foreign:
        yield Entry(("Neither a device plugin, nor dcgm-exporter, nor Falco is there: the roles apply theirs.",))
    for component in dict.fromkeys(one.component for one in foreign):
        theirs = [one for one in foreign if one.component == component]
        names = [f"{one.namespace}/{one.name} {one.version}".strip() for one in theirs]
        yield Entry(
            (f"There already is {name_some(names)}, which is left as it is; alerts look at it.",),
            f"gpu_alerts_{component}_daemon_sets",
            [{"namespace": one.namespace, "name": one.name} for one in theirs],
        )
    if found.sockets and found.sockets != SOCKETS:
        yield Entry(
            ("The sockets of the container runtimes, which Falco asks for the names of containers.",),
            "falco_container_sockets",
            list(found.sockets),
        )


def _secrets(found: Findings) -> Iterator[Entry]:
    if found.audience is not None:
        yield Entry(
            (f"By {found.audience.evidence}. Used where gpu_cluster_vault_url is set.",),
            "external_secrets_api_audience",
            found.audience.value,
        )
    else:
        yield Entry(
            (
                "Not found: the --api-audiences of the API server, or else its --service-account-issuer.",
                "docs/secrets.md says how to see it.",
            ),
            "external_secrets_api_audience",
            "https://kubernetes.default.svc.cluster.local",
            known=False,
        )
