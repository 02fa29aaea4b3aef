# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a training job and a model server have in common: where it runs, as whom, with what. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import label_key_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.quantities import parse_quantity
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, REQUIRED, Entry
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.images.pinned import Pins, read_image
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.stages.peers import read_labels
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.workloads.mounts import (
    MOUNT_KEYS,
    Surroundings,
    read_mounts,
    read_name,
)

POD_KEYS: Mapping[str, object] = {
    "name": REQUIRED,
    "stage": REQUIRED,
    "state": "present",
    "image": REQUIRED,
    "image_pull_secrets": (),
    "command": (),
    "args": (),
    "env": {},
    "gpus": 1,
    "gpu_resource": "nvidia.com/gpu",
    "resources": {},
    # No person of a node has this number; images without root use it.
    "user": 65532,
    "group": OPTIONAL,
    "labels": {},
    "annotations": {},
    "node_selector": {},
    "runtime_class": OPTIONAL,
    "priority_class": OPTIONAL,
    **MOUNT_KEYS,
}
"""What an entry of either kind may have, with the defaults."""
WORKLOAD_LABEL = "gpu-cluster.hardening/workload"
"""The label by which a workload knows its pods."""
_OWN_LABELS = ("app.kubernetes.io/", "gpu-cluster.hardening/")
_RESOURCES: Mapping[str, object] = {"requests": {}, "limits": {}}
_AMOUNTS: Mapping[str, object] = {"cpu": OPTIONAL, "memory": OPTIONAL, "ephemeral-storage": OPTIONAL}
_DEFAULT_AMOUNTS: Mapping[str, Mapping[str, str]] = {
    "requests": {"cpu": "4", "memory": "16Gi"},
    "limits": {"cpu": "8", "memory": "32Gi"},
}
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")
_GPU_RESOURCE = re.compile(r"nvidia\.com/[-A-Za-z0-9_.]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIAL = re.compile(
    r"(^|_)(TOKEN|SECRET|CREDENTIALS?|PASSPHRASE|KEY_ID)$|PASSW(OR)?D|PASSWD|(^|_)SECRET_|API_?KEY"
    r"|(ACCESS|PRIVATE|SECRET|SIGNING|ENCRYPTION|AUTH)_KEY",
    re.IGNORECASE,
)
_OF_A_FILE = re.compile(r"_(FILE|PATH|DIR|DIRECTORY)$", re.IGNORECASE)
_ADDRESS_WITH_PASSWORD = re.compile(r"[a-z][-a-z0-9+.]*://[^\s/@:]*:[^\s/@]+@", re.IGNORECASE)


@dataclass(frozen=True)
class Site:
    """What entries are held against.

    Attributes:
        stages: the checked stages by name.
        pickle_stages: names of stages that may load pickles.
        registry: replaces the registry of images.
        pins: what images without a digest are pinned to.
        node_selector: labels of GPU nodes.
        tolerations: of the taints of GPU nodes.
    """

    stages: Mapping[str, Json]
    pickle_stages: list[str]
    registry: object
    pins: Pins
    node_selector: dict[str, str]
    tolerations: list[Json]


def read_pod(keys: Mapping[str, Entry], site: Site) -> Json:
    """What both kinds of templates print of an entry.

    Args:
        keys: the entries of :data:`POD_KEYS`.
        site: what they are held against.
    """
    name = keys["name"].text()
    if isinstance(keys["name"].value, str) and not _NAME.fullmatch(name):
        keys["name"].refuse(
            f"{name!r} must be 1 to 50 lower-case letters, digits or '-', with a letter first and no '-' last"
        )
    stage = site.stages.get(keys["stage"].choice(site.stages), {})
    user = read_number(keys["user"], 1, 2**31 - 1, "root may write where no other user may")
    gpus = read_number(keys["gpus"], 0, 64)
    if gpus and stage and not stage["gpu"]:
        keys["gpus"].refuse(f"stage {stage['name']} has gpu: false; set gpu: true there, or gpus: 0 here")
    resources = _read_resources(keys["resources"])
    device = keys["gpu_resource"].text()
    if isinstance(keys["gpu_resource"].value, str) and not _GPU_RESOURCE.fullmatch(device):
        keys["gpu_resource"].refuse(f"{device!r} is no GPU, such as nvidia.com/gpu or nvidia.com/mig-1g.10gb")
    if gpus:
        resources = {kind: {**amounts, device: str(gpus)} for kind, amounts in resources.items()}
    chosen = read_labels(keys["node_selector"])
    labels = {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": "gpu-cluster-hardening",
        "app.kubernetes.io/managed-by": "ansible",
        "gpu-cluster.hardening/stage": str(stage.get("name", "")),
        **_read_more_labels(keys["labels"], _pod_labels(stage)),
    }
    return {
        "name": name,
        "state": keys["state"].choice(("present", "absent")),
        **_read_place(stage),
        "labels": labels,
        # Those of the stage last: without them its network policy lets the pod reach nothing.
        "pod_labels": {**labels, WORKLOAD_LABEL: name, **_pod_labels(stage)},
        "annotations": _read_annotations(keys["annotations"]),
        "image": read_image(keys["image"], site.registry, pins=site.pins),
        "image_pull_secrets": [read_name(item, "Secret") for item in keys["image_pull_secrets"].items()],
        "command": keys["command"].texts(),
        "args": keys["args"].texts(),
        "env": _read_env(keys["env"]),
        "resources": resources,
        "user": user,
        "group": read_number(keys["group"], 1, 2**31 - 1) if keys["group"].given else user,
        "node_selector": {**site.node_selector, **chosen} if gpus else chosen,
        "tolerations": site.tolerations if gpus else [],
        "runtime_class": read_name(keys["runtime_class"], "RuntimeClass") if keys["runtime_class"].given else "",
        "priority_class": read_name(keys["priority_class"], "PriorityClass") if keys["priority_class"].given else "",
        **read_mounts(keys, _surroundings(stage, site)),
    }


def read_number(entry: Entry, least: int, most: int, why: str = "") -> int:
    """A whole number."""
    value = entry.whole_number()
    if not entry.given:
        return least
    if value is None:
        entry.refuse(f"must be a whole number, not {entry.value!r}")
        return least
    if not least <= value <= most:
        entry.refuse(f"must be {least} to {most}, not {value}" + (f"; {why}" if why else ""))
    return value


def _read_place(stage: Json) -> Json:
    account = stage.get("service_account")
    return {
        "stage": stage.get("name", ""),
        "namespace": stage.get("namespace", ""),
        "account": account["name"] if isinstance(account, dict) else "",
    }


def _pod_labels(stage: Json) -> dict[str, str]:
    """Labels by which the network policy of the stage knows its pods."""
    pods = stage.get("pods")
    return dict(pods) if isinstance(pods, dict) else {}


def _surroundings(stage: Json, site: Site) -> Surroundings:
    secrets = stage.get("secrets")
    known = {
        str(secret["name"]): [str(source["key"]) for source in secret["data"]]
        for secret in (secrets if isinstance(secrets, list) else ())
    }
    name = str(stage.get("name", ""))
    return Surroundings(known, name in site.pickle_stages, name)


def _read_more_labels(entry: Entry, taken: Mapping[str, str]) -> dict[str, str]:
    labels = read_labels(entry)
    for key in labels:
        if key in taken or key.startswith(_OWN_LABELS):
            entry.refuse(f"{key} is set already, and decides which pods these are; leave it out")
    return labels


def _read_annotations(entry: Entry) -> dict[str, str]:
    annotations = entry.strings()
    for key in annotations:
        if not entry.refuse(label_key_problem(key)) and key.startswith("cdi.k8s.io/"):
            entry.refuse(f"{key} takes GPUs past the scheduler; request them with gpus")
    return annotations


def _read_env(entry: Entry) -> list[Json]:
    """Plain values only. What a message says never holds a value."""
    variables: list[Json] = []
    for name, value in entry.named().items():
        if not isinstance(value.value, str):
            value.refuse("must be a string; quote it. A Secret goes into a file: name it in secrets")
        elif not _VARIABLE.fullmatch(name):
            value.refuse("its name must be letters, digits or _, without a digit first")
        elif name.startswith("NVIDIA_"):
            value.refuse("asks the NVIDIA runtime for GPUs past the scheduler; request them with gpus")
        elif _CREDENTIAL.search(name) and not _OF_A_FILE.search(name):
            value.refuse(
                "looks like a credential, which every process in the container and who may read the object would see; "
                "name its Secret in secrets, and give the path of the file in a variable that ends in _FILE"
            )
        elif _ADDRESS_WITH_PASSWORD.search(value.value):
            value.refuse("holds an address with a password; name a Secret in secrets, and read it from its file")
        variables.append({"name": name, "value": value.value})
    if not any(variable["name"] == "HOME" for variable in variables):
        # The user is in no passwd, and would have the root folder as its home, which is read-only.
        variables.append({"name": "HOME", "value": "/tmp"})
    return variables


def _read_resources(entry: Entry) -> dict[str, dict[str, str]]:
    """Requests and limits; what is left out is filled from the defaults, and a request never above its limit."""
    keys = entry.keys(_RESOURCES)
    given = {kind: _read_amounts(keys[kind]) for kind in _RESOURCES}
    amounts = {kind: {**_DEFAULT_AMOUNTS[kind], **given[kind]} for kind in _RESOURCES}
    for name in amounts["requests"]:
        request, limit = (parse_quantity(amounts[kind].get(name, "")) for kind in _RESOURCES)
        if request is None or limit is None or request <= limit:
            continue
        if name not in given["requests"]:
            amounts["requests"][name] = amounts["limits"][name]
        elif name not in given["limits"]:
            amounts["limits"][name] = amounts["requests"][name]
        else:
            keys["requests"].refuse(f"{name} is above its limit, {amounts['limits'][name]}")
    return amounts


def _read_amounts(entry: Entry) -> dict[str, str]:
    amounts = {}
    for name, value in entry.keys(_AMOUNTS).items():
        if not value.given:
            continue
        text = str(value.value) if isinstance(value.value, int | float | str) else ""
        if isinstance(value.value, bool) or not parse_quantity(text):
            value.refuse(f"{text!r} is no amount above 0, such as 8, 500m or 32Gi")
        amounts[name] = text
    return amounts
