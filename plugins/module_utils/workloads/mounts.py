# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a workload mounts: claims, Secrets, ConfigMaps, room to write, and the model with its check. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import dns_subdomain_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.quantities import parse_quantity
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import (
    OPTIONAL,
    REQUIRED,
    Entry,
    did_you_mean,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.models.checksums import sums_text

MOUNT_KEYS: Mapping[str, object] = {
    "pvcs": (),
    "secrets": (),
    "config_maps": (),
    "scratch": (),
    "tmp": "10Gi",
    "shared_memory": OPTIONAL,
    "model": OPTIONAL,
}
"""What an entry may have of this, with the defaults."""
ACCESS_MODES = ("ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOncePod")
CHECK_FOLDER = "/model-check"
_PVC = {
    "name": REQUIRED,
    "path": REQUIRED,
    "read_only": True,
    "folder": OPTIONAL,
    "size": OPTIONAL,
    "storage_class": OPTIONAL,
    "access_modes": ("ReadWriteOnce",),
}
_SECRET = {"name": REQUIRED, "path": REQUIRED, "keys": (), "of_stage": True}
_CONFIG_MAP = {"name": REQUIRED, "path": REQUIRED}
_SCRATCH = {"path": REQUIRED, "size": REQUIRED}
_MODEL = {
    "pvc": REQUIRED,
    "folder": OPTIONAL,
    "path": "/model",
    "sums": OPTIONAL,
    "sums_sha256": OPTIONAL,
    "unpinned": False,
    "allow_pickle": (),
}
_SUM = re.compile(r"[0-9a-f]{64}")
_MOST_SUMS = 900_000
"""Characters of sums that fit into a ConfigMap beside the script."""
_TAKEN = ("/dev", "/etc", "/proc", "/sys", "/run", "/var/run", "/tmp", CHECK_FOLDER)


@dataclass(frozen=True)
class Surroundings:
    """What mounts are held against.

    Attributes:
        secrets: keys of each Secret of the stage.
        pickles: whether the stage may load pickles.
        stage: its name.
    """

    secrets: Mapping[str, Sequence[str]]
    pickles: bool
    stage: str


@dataclass
class _Paths:
    """Where something is mounted already."""

    taken: dict[str, str] = field(default_factory=dict)

    def read(self, entry: Entry) -> str:
        path = entry.text()
        if not isinstance(entry.value, str):
            return ""
        if not re.fullmatch(r"(/[^/:]+)+", path) or posixpath.normpath(path) != path:
            entry.refuse(f"{path!r} is no path such as /data: absolute, without . and .., and no slash too many")
        elif any(path == taken or path.startswith(f"{taken}/") for taken in _TAKEN):
            entry.refuse(f"{path} is not for mounts; choose another, such as /data")
        elif path in self.taken:
            entry.refuse(f"{path} is taken by {self.taken[path]} already")
        self.taken.setdefault(path, entry.path)
        return path


def read_mounts(keys: Mapping[str, Entry], surroundings: Surroundings) -> Json:
    """Everything a workload mounts, for its templates.

    Args:
        keys: the entries of :data:`MOUNT_KEYS`.
        surroundings: what they are held against.

    Returns:
        ``pvcs``, ``secrets``, ``config_maps``, ``scratch`` (each a list of what the template prints), ``tmp`` and
        ``shared_memory`` (sizes), and ``model`` (None if there is none).
    """
    paths = _Paths()
    mounts: Json = {
        "pvcs": [_read_pvc(item, paths) for item in keys["pvcs"].items()],
        "secrets": [_read_secret(item, paths, surroundings) for item in keys["secrets"].items()],
        "config_maps": [_read_config_map(item, paths) for item in keys["config_maps"].items()],
        "scratch": [_read_scratch(item, paths) for item in keys["scratch"].items()],
        "tmp": read_size(keys["tmp"]),
        "shared_memory": read_size(keys["shared_memory"]) if keys["shared_memory"].given else "",
        "model": None,
    }
    if keys["model"].given:
        mounts["model"] = model = _read_model(keys["model"], paths, surroundings)
        _refuse_inside(keys["model"], str(model["path"]), paths)
    for name in ("pvcs", "secrets", "config_maps"):
        read = mounts[name]
        _refuse_twice(keys[name], [item["name"] for item in read] if isinstance(read, list) else [])
    return mounts


def _refuse_inside(model: Entry, folder: str, paths: _Paths) -> None:
    """What is mounted over a part of the model would be loaded unchecked."""
    for path, where in paths.taken.items():
        if folder and path.startswith(f"{folder}/"):
            model.refuse(f"{where} mounts {path} inside it, where only files that were checked may be")


def read_size(entry: Entry) -> str:
    """A size above nothing, such as ``10Gi``."""
    text = entry.text()
    if isinstance(entry.value, str) and not parse_quantity(text):
        entry.refuse(f"{text!r} is no size above 0, such as 10Gi")
    return text


def read_name(entry: Entry, what: str) -> str:
    """The name of an object."""
    name = entry.text()
    entry.refuse(dns_subdomain_problem(name, what) if isinstance(entry.value, str) else None)
    return name


def _read_pvc(entry: Entry, paths: _Paths) -> Json:
    keys = entry.keys(_PVC)
    pvc: Json = {
        "name": read_name(keys["name"], "claim"),
        "path": paths.read(keys["path"]),
        "read_only": keys["read_only"].flag(),
        "folder": _read_folder(keys["folder"]) if keys["folder"].given else "",
        "size": read_size(keys["size"]) if keys["size"].given else "",
        "storage_class": read_name(keys["storage_class"], "storage class") if keys["storage_class"].given else "",
        "access_modes": [item.choice(ACCESS_MODES) for item in keys["access_modes"].items()],
    }
    for name in ("storage_class", "access_modes"):
        given = entry.value.get(name) if isinstance(entry.value, Mapping) else None
        if given is not None and not keys["size"].given:
            keys[name].refuse("is only for a claim that is made here; give it a size, or leave this out")
    return {**pvc, "volume": _volume("pvc", str(pvc["name"]))}


def _read_secret(entry: Entry, paths: _Paths, surroundings: Surroundings) -> Json:
    keys = entry.keys(_SECRET)
    name = read_name(keys["name"], "Secret")
    wanted = [(item, item.text()) for item in keys["keys"].items()]
    known = surroundings.secrets.get(name)
    if name and known is None and keys["of_stage"].flag():
        keys["name"].refuse(
            f"stage {surroundings.stage} has no Secret {name}{did_you_mean(name, surroundings.secrets)}; add it to "
            "secrets of the stage, or set of_stage: false for one that is made elsewhere"
        )
    for item, key in wanted:
        if known is not None and key and key not in known:
            item.refuse(f"Secret {name} has no key {key!r}{did_you_mean(key, known)}")
    return {
        "name": name,
        "path": paths.read(keys["path"]),
        "keys": [key for _item, key in wanted],
        "volume": _volume("secret", name),
    }


def _read_config_map(entry: Entry, paths: _Paths) -> Json:
    keys = entry.keys(_CONFIG_MAP)
    name = read_name(keys["name"], "ConfigMap")
    return {"name": name, "path": paths.read(keys["path"]), "volume": _volume("config", name)}


def _read_scratch(entry: Entry, paths: _Paths) -> Json:
    keys = entry.keys(_SCRATCH)
    path = paths.read(keys["path"])
    return {"path": path, "size": read_size(keys["size"]), "volume": _volume("scratch", path.strip("/").lower())}


def _read_model(entry: Entry, paths: _Paths, surroundings: Surroundings) -> Json:
    keys = entry.keys(_MODEL)
    path = paths.read(keys["path"])
    ways = [keys[name] for name in ("sums", "sums_sha256") if keys[name].given]
    if len(ways) + keys["unpinned"].flag() != 1 and isinstance(entry.value, Mapping):
        entry.refuse(
            "say what its files must be: by sums, or by sums_sha256, the SHA-256 of its SHA256SUMS; "
            "or set unpinned: true to believe whoever can write the volume. One of the three"
        )
    sums = _read_sums(keys["sums"]) if keys["sums"].given else ""
    pin = keys["sums_sha256"].text() if keys["sums_sha256"].given else "unpinned"
    if keys["sums_sha256"].given and pin and not _SUM.fullmatch(pin):
        keys["sums_sha256"].refuse(f"{pin!r} is no SHA-256: 64 of 0-9 a-f")
    patterns = [_read_pattern(item) for item in keys["allow_pickle"].items()]
    if patterns and not surroundings.pickles:
        keys["allow_pickle"].refuse(
            f"stage {surroundings.stage} loads no pickles; convert the model to safetensors, or name the stage in "
            "workloads_pickle_stages"
        )
    where = CHECK_FOLDER if sums else path
    return {
        "name": read_name(keys["pvc"], "claim"),
        "path": path,
        "folder": _read_folder(keys["folder"]) if keys["folder"].given else "",
        "sums": sums,
        # What the script is called with.
        "arguments": [path, f"{where}/SHA256SUMS", pin, *patterns],
        "pinned": not keys["unpinned"].flag(),
        "volume": "model",
    }


def _read_sums(entry: Entry) -> str:
    sums = {}
    for name, value in entry.named().items():
        sums[name] = value.text()
        if isinstance(value.value, str) and not _SUM.fullmatch(value.value):
            value.refuse(f"{value.value!r} is no SHA-256: 64 of 0-9 a-f")
        if not name or name.startswith(("/", "./")) or ".." in name.split("/"):
            value.refuse("its name must be relative to the folder of the model, without ..")
    if isinstance(entry.value, Mapping) and not sums:
        entry.refuse("names no file")
    text = sums_text(sums)
    if len(text) > _MOST_SUMS:
        entry.refuse("is too long for a ConfigMap; use sums_sha256 and a SHA256SUMS beside the model")
    return text


def _read_folder(entry: Entry) -> str:
    folder = entry.text()
    if folder and (folder.startswith("/") or posixpath.normpath(folder) != folder or ".." in folder.split("/")):
        entry.refuse(f"{folder!r} is no folder of the volume, such as fraud-detector/3")
    return folder


def _read_pattern(entry: Entry) -> str:
    pattern = entry.text()
    if isinstance(entry.value, str) and (
        not pattern or pattern.startswith(("/", "./")) or ".." in pattern.split("/") or "\n" in pattern
    ):
        entry.refuse(f"{pattern!r} can match no file, as names are relative to the folder of the model")
    return pattern


def _refuse_twice(entry: Entry, names: Sequence[str]) -> None:
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        entry.refuse(f"{name} is there more than once")


def _volume(kind: str, name: str) -> str:
    """A name for the volume: that of the object as far as the grammar allows."""
    return re.sub(r"[^a-z0-9]+", "-", f"{kind}-{name}")[:63].strip("-")
