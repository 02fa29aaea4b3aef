# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a user says of training jobs and model servers to what the templates print, and what is to go. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import HardeningError, join_failures
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import Pins, read_image
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.nodes.placement import (
    read_node_selector,
    read_tolerations,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages import model as stage_model
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.workloads.pods import (
    POD_KEYS,
    Site,
    read_number,
    read_pod,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.workloads.ports import (
    DEFAULT_PORTS,
    DEFAULT_PROBES,
    read_ports,
    read_probes,
)

SETTINGS = frozenset(
    {
        "state",
        "stages",
        "training_jobs",
        "model_servers",
        "node_selector",
        "taints",
        "registry",
        "lock",
        "require_digests",
        "model_check_image",
        "pickle_stages",
    }
)
EXTERNAL_SECRET = {"api_version": "external-secrets.io/v1", "kind": "ExternalSecret"}
"""An operator makes a Secret of one of the same name, perhaps after this layer is applied."""
WEEK = 7 * 24 * 3600
_JOB = {
    **POD_KEYS,
    "stage": "training",
    "parallelism": 1,
    "completions": OPTIONAL,
    "backoff_limit": 3,
    "active_deadline_seconds": WEEK,
    "ttl_seconds_after_finished": OPTIONAL,
    "termination_grace_seconds": 120,
    "suspend": False,
    "replace": False,
}
_SERVER = {
    **POD_KEYS,
    "stage": "serving",
    "replicas": 1,
    "autoscaled": False,
    "ports": DEFAULT_PORTS,
    "probes": DEFAULT_PROBES,
    "max_surge": 1,
    "drain_seconds": 10,
    "termination_grace_seconds": 60,
    "progress_deadline_seconds": 1800,
}


def plan(settings: Mapping[str, object]) -> Json:
    """Check the settings and derive what the templates need.

    Args:
        settings: the keys of :data:`SETTINGS`; each but ``lock`` is the variable ``workloads_<key>``.

    Returns:
        ``jobs`` and ``servers`` that are to be there, and ``checks``, those of them that have a model to check;
        ``claims`` for volumes that are to be made; ``requires``, objects that must exist, and ``kept``, claims that
        stay, as the module ``layer`` takes them; ``replaceable``, jobs that may be deleted and started anew, as
        ``namespace/name``; ``model_check_image``; and ``warnings``.

    Raises:
        HardeningError: with every problem.
    """
    try:
        stages = {str(stage["name"]): stage for stage in stage_model.validate(settings["stages"])}
    except stage_model.StageError as error:
        raise HardeningError(join_failures("The stages are wrong", error.problems)) from None
    problems: list[str] = []
    keys = {name: Entry(f"workloads_{name}", settings[name], problems) for name in sorted(SETTINGS)}
    site = _read_site(keys, stages)
    jobs = [_read_job(item, site) for item in keys["training_jobs"].items()]
    servers = [_read_server(item, site) for item in keys["model_servers"].items()]
    _refuse_twice([*jobs, *servers], problems)
    gone = keys["state"].choice(("present", "absent")) == "absent"
    wanted = [item for item in [*jobs, *servers] if item["state"] != "absent" and not gone]
    claims = _claims(wanted, problems)
    checks = [item for item in wanted if item["model"]]
    image = read_image(keys["model_check_image"], site.registry, pins=site.pins) if checks else ""
    if problems:
        raise HardeningError(join_failures("The workloads are wrong", problems))
    return {
        "jobs": [item for item in jobs if item in wanted],
        "servers": [item for item in servers if item in wanted],
        "checks": checks,
        "claims": claims,
        "requires": _requires(wanted, claims),
        "kept": _kept(wanted, claims),
        "replaceable": [f"{job['namespace']}/{job['name']}" for job in jobs if job["replace"]],
        "model_check_image": image,
        "warnings": list(_warnings(wanted)),
    }


def _read_site(keys: Mapping[str, Entry], stages: Mapping[str, Json]) -> Site:
    return Site(
        stages,
        [item.choice(stages) for item in keys["pickle_stages"].items()],
        keys["registry"].text(),
        Pins(keys["lock"].value, keys["require_digests"].flag()),
        read_node_selector(keys["node_selector"]),
        read_tolerations(keys["taints"]),
    )


def _read_job(entry: Entry, site: Site) -> dict[str, Any]:
    keys = entry.keys(_JOB)
    job = read_pod(keys, site)
    parallelism = read_number(keys["parallelism"], 1, 4096)
    ttl = keys["ttl_seconds_after_finished"]
    return {
        **job,
        "kind": "Job",
        "parallelism": parallelism,
        "completions": read_number(keys["completions"], 1, 4096) if keys["completions"].given else parallelism,
        "backoff_limit": read_number(keys["backoff_limit"], 0, 1000),
        "active_deadline_seconds": read_number(keys["active_deadline_seconds"], 1, 2**31 - 1),
        "ttl_seconds_after_finished": read_number(ttl, 0, 2**31 - 1) if ttl.given else None,
        "termination_grace_seconds": read_number(keys["termination_grace_seconds"], 1, 24 * 3600),
        "suspend": keys["suspend"].flag(),
        "replace": keys["replace"].flag(),
    }


def _read_server(entry: Entry, site: Site) -> dict[str, Any]:
    keys = entry.keys(_SERVER)
    server = read_pod(keys, site)
    ports = read_ports(keys["ports"])
    drain = read_number(keys["drain_seconds"], 0, 3600)
    grace = read_number(keys["termination_grace_seconds"], 1, 24 * 3600)
    if drain >= grace:
        keys["termination_grace_seconds"].refuse(
            f"must be more than drain_seconds, {drain}, or the server has no time to finish its requests"
        )
    return {
        **server,
        "kind": "Deployment",
        "replicas": read_number(keys["replicas"], 0, 1000),
        "autoscaled": keys["autoscaled"].flag(),
        "ports": ports,
        "probes": read_probes(keys["probes"], ports),
        "max_surge": read_number(keys["max_surge"], 0, 1000),
        "drain_seconds": drain,
        "termination_grace_seconds": grace,
        "progress_deadline_seconds": read_number(keys["progress_deadline_seconds"], 1, 24 * 3600),
    }


def _refuse_twice(items: Sequence[Mapping[str, Any]], problems: list[str]) -> None:
    """What two workloads of one namespace make would have the same names."""
    names = Counter((item["namespace"], item["name"]) for item in items if item["name"] and item["namespace"])
    problems += [
        f"workloads: {name} is there {count} times in {namespace}; each workload needs a name of its own"
        for (namespace, name), count in sorted(names.items())
        if count > 1
    ]


def _claims(items: Iterable[Mapping[str, Any]], problems: list[str]) -> list[Json]:
    """Claims that are to be made, each once."""
    claims: dict[tuple[str, str], Json] = {}
    for item in items:
        for pvc in item["pvcs"]:
            if not pvc["size"]:
                continue
            claim = {key: pvc[key] for key in ("name", "size", "storage_class", "access_modes")}
            claim |= {"namespace": item["namespace"], "stage": item["stage"]}
            if claims.setdefault((item["namespace"], pvc["name"]), claim) != claim:
                problems.append(
                    f"workloads: claim {item['namespace']}/{pvc['name']} has two sizes, classes or modes; "
                    "give them in one place only"
                )
    return list(claims.values())


def _requires(items: Sequence[Mapping[str, Any]], made: Sequence[Json]) -> list[Json]:
    """What the pods name and this role does not make. A pod without it waits for ever, or is never made."""
    claims = {(claim["namespace"], claim["name"]) for claim in made}
    found: dict[tuple[str, str, str], str] = {}
    for item in items:
        where = item["namespace"]
        found["ServiceAccount", where, item["account"]] = "Run the roles pod_security, rbac and network_policies first."
        for pvc in [*item["pvcs"], *([item["model"]] if item["model"] else [])]:
            if (where, pvc["name"]) not in claims:
                found["PersistentVolumeClaim", where, pvc["name"]] = "Make it, or give its entry in pvcs a size."
        who = f"{item['kind']} {item['name']}"
        for config_map in item["config_maps"]:
            found["ConfigMap", where, config_map["name"]] = f"{who} mounts it."
        for name in item["image_pull_secrets"]:
            found["Secret", where, name] = f"{who} pulls its images with it."
        for secret in item["secrets"]:
            found["Secret", where, secret["name"]] = f"{who} mounts it."
    return [
        {"api_version": "v1", "kind": kind, "namespace": namespace, "name": name, "hint": hint}
        | ({"made_by": [EXTERNAL_SECRET]} if kind == "Secret" else {})
        for (kind, namespace, name), hint in sorted(found.items())
    ]


def _kept(items: Iterable[Mapping[str, Any]], made: Sequence[Json]) -> list[Json]:
    """Claims that somebody still reads, and that nobody makes any more: an entry that is gone made them."""
    named = {(item["namespace"], pvc["name"]) for item in items for pvc in item["pvcs"]}
    named |= {(item["namespace"], item["model"]["name"]) for item in items if item["model"]}
    named -= {(claim["namespace"], claim["name"]) for claim in made}
    return [
        {"api_version": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": name}
        for namespace, name in sorted(named)
    ]


def _warnings(items: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for item in items:
        if item.get("ttl_seconds_after_finished") is not None:
            yield (
                f"Job {item['name']}: ttl_seconds_after_finished deletes it, and the next run of this role starts it "
                "anew. Take its entry away when it has finished, or leave the time out."
            )
        if item["model"] and not item["model"]["pinned"]:
            yield (
                f"{item['kind']} {item['name']}: its model is unpinned, so whoever can write the volume of "
                f"{item['model']['name']} decides what runs."
            )
