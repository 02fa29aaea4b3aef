# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model: the stages of an ML pipeline, checked and with all defaults filled in. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json, read_ports
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import (
    dns_label_problem,
    dns_subdomain_problem,
    label_key_problem,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import peers as network_peers
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.rbac_rules import read_rules
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.secret_keys import read_secrets

LEVELS = ("privileged", "baseline", "restricted")
_RESERVED_NAMESPACE = re.compile(r"default|kube-.*")

_STAGE = {
    "name": REQUIRED,
    "namespace": REQUIRED,
    "gpu": False,
    "pod_security": {},
    "service_account": REQUIRED,
    "rules": (),
    "allow_privileged_rules": False,
    "pods": REQUIRED,
    "ingress": (),
    "egress": (),
    "without_dns": False,
    "secrets": (),
}
_SERVICE_ACCOUNT = {"name": REQUIRED, "annotations": {}, "automount": False}
_SCRAPE = {"stage": REQUIRED, "ports": REQUIRED}
_VERSION = re.compile(r"latest|v1\.(0|[1-9][0-9]*)")


class StageError(Exception):
    """The model is wrong.

    Attributes:
        problems: all that is wrong, one line each, beginning with a path such as ``stages[1].egress[0]``.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Network:
    """What the network policies need beside the stages; values as the user wrote them.

    Attributes:
        endpoints: what stages refer to by name in ``ingress`` and ``egress``.
        dns: where the cluster's DNS is.
        extra_ingress: what every stage accepts beside its own ``ingress``.
        extra_egress: what every stage may reach beside its own ``egress``.
        scrape: ``{stage, ports}`` of the stage that scrapes the others; empty for none.
    """

    endpoints: object
    dns: object
    extra_ingress: object = ()
    extra_egress: object = ()
    scrape: object = None


def validate(stages: object, network: Network | None = None, pod_security_version: object = "latest") -> list[Json]:
    """Check the stages and fill in their defaults.

    Args:
        stages: the list as the user wrote it, see docs/stages.md.
        network: without it ``ingress`` and ``egress`` are not looked at, and not returned.
        pod_security_version: the version of stages that do not name one.

    Returns:
        The stages with every key set. ``ingress`` and ``egress`` are rules of a NetworkPolicy, ready to use.

    Raises:
        StageError: with every problem.
    """
    root = Entry("stages", stages)
    version = _read_version(Entry("pod_security_version", pod_security_version, root.problems))
    keys = [item.keys(_STAGE) for item in root.items()]
    read = [_read_stage(stage, version) for stage in keys]
    if isinstance(stages, list | tuple) and not read:
        root.refuse("there must be at least one")
    _refuse_duplicates(keys, "name")
    _refuse_duplicates(keys, "namespace")
    if network:
        _read_network(keys, read, network, root.problems)
    if root.problems:
        raise StageError(root.problems)
    return read


def _read_stage(stage: dict[str, Entry], version: str) -> Json:
    return {
        "name": _read_name(stage["name"]),
        "namespace": _read_namespace(stage["namespace"]),
        "gpu": stage["gpu"].flag(),
        "pod_security": _read_pod_security(stage["pod_security"], version),
        "service_account": _read_service_account(stage["service_account"]),
        "rules": read_rules(stage["rules"], stage["allow_privileged_rules"].flag()),
        "pods": network_peers.read_labels(stage["pods"]),
        "secrets": read_secrets(stage["secrets"]),
    }


def _read_name(entry: Entry) -> str:
    name = entry.text()
    entry.refuse(dns_label_problem(name, "stage") if name else None)
    return name


def _read_namespace(entry: Entry) -> str:
    name = entry.text()
    if _RESERVED_NAMESPACE.fullmatch(name):
        entry.refuse(f"{name} belongs to the cluster itself; give the stage a namespace of its own")
    elif entry.given and isinstance(entry.value, str):
        entry.refuse(dns_label_problem(name, "namespace"))
    return name


def _read_pod_security(entry: Entry, version: str) -> Json:
    modes = ("enforce", "audit", "warn")
    levels: dict[str, object] = dict.fromkeys(modes, "restricted")
    versions: dict[str, object] = dict.fromkeys((f"{mode}_version" for mode in modes), OPTIONAL)
    keys = entry.keys({**levels, **versions, "version": version})
    default = _read_version(keys["version"])
    read: Json = {}
    for mode in modes:
        given = keys[f"{mode}_version"]
        read[mode] = keys[mode].choice(LEVELS)
        read[f"{mode}_version"] = _read_version(given) if given.given else default
    return read


def _read_version(entry: Entry) -> str:
    text = entry.text()
    if text and not _VERSION.fullmatch(text):
        entry.refuse(f"{text!r} is no version of Pod Security; write latest, or v1. and a number, such as v1.34")
    return text


def _read_service_account(entry: Entry) -> Json:
    keys = entry.keys(_SERVICE_ACCOUNT)
    name = keys["name"].text()
    keys["name"].refuse(dns_subdomain_problem(name, "service account") if name else None)
    if name == "default":
        keys["name"].refuse("every pod that names no account uses this one; give the stage one of its own")
    annotations = keys["annotations"].strings()
    for key in annotations:
        keys["annotations"].refuse(label_key_problem(key))
    return {"name": name, "annotations": annotations, "automount": keys["automount"].flag()}


def _refuse_duplicates(stages: Sequence[dict[str, Entry]], key: str) -> None:
    values = Counter(stage[key].value for stage in stages if isinstance(stage[key].value, str))
    first: dict[object, str] = {}
    for entry in (stage[key] for stage in stages):
        if isinstance(entry.value, str) and values[entry.value] > 1:
            if entry.value in first:
                entry.refuse(f"{entry.value} is {first[entry.value]}, too; each stage needs its own")
            first.setdefault(entry.value, entry.path)


def _read_network(
    keys: Sequence[dict[str, Entry]], stages: Sequence[Json], network: Network, problems: list[str]
) -> None:
    """Set the ingress and egress of every stage."""
    peers = {
        str(stage["name"]): network_peers.namespace_peer(str(stage["namespace"]), _labels(stage)) for stage in stages
    }
    dns = Entry("dns", network.dns, problems)
    known = network_peers.Known(
        peers,
        network_peers.read_endpoints(Entry("endpoints", network.endpoints, problems), peers),
        network_peers.read_dns(dns),
    )
    ingress = network_peers.read_rules(Entry("extra_ingress", network.extra_ingress, problems), "from", known)
    egress = network_peers.read_rules(Entry("extra_egress", network.extra_egress, problems), "to", known)
    for entries, stage in zip(keys, stages, strict=True):
        _refuse_missing_dns(entries, dns)
        stage["ingress"] = [*network_peers.read_rules(entries["ingress"], "from", known), *ingress]
        stage["egress"] = [*network_peers.read_rules(entries["egress"], "to", known), *egress]
    if network.scrape:
        _add_scraping(stages, peers, Entry("scrape", network.scrape, problems))


def _refuse_missing_dns(stage: dict[str, Entry], dns: Entry) -> None:
    egress, without = stage["egress"], stage["without_dns"].flag()
    has_dns = isinstance(egress.value, list | tuple) and network_peers.DNS in egress.value
    if isinstance(egress.value, list | tuple) and not has_dns and not without:
        egress.refuse("without dns its pods resolve no name; add dns, or set without_dns: true")
    if has_dns and without:
        egress.refuse("names dns, but without_dns is true")
    namespace = str(dns.value.get("namespace")) if isinstance(dns.value, dict) else ""
    if namespace == stage["namespace"].value and not _RESERVED_NAMESPACE.fullmatch(namespace):
        stage["namespace"].refuse("the cluster's DNS is there; a default deny would cut it off")


def _add_scraping(stages: Sequence[Json], peers: dict[str, Json], entry: Entry) -> None:
    """Let one stage reach the given ports of the pods of all others, and them accept it."""
    keys = entry.keys(_SCRAPE)
    scraper = keys["stage"].text()
    ports = read_ports(keys["ports"])
    keys["stage"].choice(peers)
    others = [peer for name, peer in peers.items() if name != scraper]
    for stage in stages:
        if stage["name"] == scraper:
            stage["egress"] = [*_rules(stage["egress"]), network_peers.Traffic(others, ports).rule("to")]
        elif scraper in peers:
            stage["ingress"] = [*_rules(stage["ingress"]), network_peers.Traffic([peers[scraper]], ports).rule("from")]


def _labels(stage: Json) -> dict[str, str]:
    pods = stage["pods"]
    return pods if isinstance(pods, dict) else {}


def _rules(rules: object) -> list[object]:
    return rules if isinstance(rules, list) else []
