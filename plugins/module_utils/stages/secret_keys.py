# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Secrets of a stage: their keys, and where in Vault the values are. No value ever stands here. No I/O."""

from __future__ import annotations

import re

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.addresses import Json
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.labels import dns_subdomain_problem
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import OPTIONAL, REQUIRED, Entry

CREATION_POLICIES = ("Owner", "Orphan", "Merge", "None")
DELETION_POLICIES = ("Retain", "Delete", "Merge")

_SECRET = {
    "name": REQUIRED,
    "data": REQUIRED,
    "refresh_interval": "1h",
    "creation_policy": "Owner",
    "deletion_policy": "Retain",
    "template": {},
}
_SOURCE = {"path": REQUIRED, "property": OPTIONAL}
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_DURATION = re.compile(r"0|([0-9]+(\.[0-9]+)?(ms|s|m|h))+")
# What a policy of Vault would read as a pattern, and what no path needs.
_PATH_SEGMENT = re.compile(r"[^\s/*+{}\"\\]+")


def read_secrets(entry: Entry) -> list[Json]:
    """The Secrets of one stage, with every default filled in.

    Returns:
        ``{name, data, refresh_interval, creation_policy, deletion_policy, template}`` each; ``data`` is a list of
        ``{key, path, property}``: the key in the Secret, the path below the KV mount, and which property of what is
        there (empty: all of it, as JSON).
    """
    secrets = [_read_secret(item) for item in entry.items()]
    names = [secret["name"] for secret in secrets]
    for name in sorted({str(name) for name in names if name and names.count(name) > 1}):
        entry.refuse(f"{name} is there more than once; put its keys into one entry")
    return secrets


def _read_secret(entry: Entry) -> Json:
    keys = entry.keys(_SECRET)
    name = keys["name"].text()
    keys["name"].refuse(dns_subdomain_problem(name, "Secret") if name else None)
    data = [_read_source(key, source) for key, source in keys["data"].named().items()]
    if isinstance(keys["data"].value, dict) and not data:
        keys["data"].refuse("names no key; a Secret without keys is of no use")
    creation = keys["creation_policy"].choice(CREATION_POLICIES)
    deletion = keys["deletion_policy"].choice(DELETION_POLICIES)
    if deletion == "Delete" and creation not in ("Owner", ""):
        keys["deletion_policy"].refuse("Delete needs creation_policy Owner: others made the Secret")
    template = keys["template"]
    return {
        "name": name,
        "data": data,
        "refresh_interval": _read_duration(keys["refresh_interval"]),
        "creation_policy": creation,
        "deletion_policy": deletion,
        "template": {key: value.value for key, value in template.named().items()},
    }


def _read_source(key: str, entry: Entry) -> Json:
    if not _KEY.fullmatch(key) or key in (".", ".."):
        entry.refuse("a key of a Secret must be 1 to 253 of A-Z a-z 0-9 - _ .")
    keys = entry.keys(_SOURCE)
    path = keys["path"].text()
    if path:
        keys["path"].refuse(path_problem(path))
    return {"key": key, "path": path, "property": keys["property"].text()}


def path_problem(path: str) -> str | None:
    """What is wrong with a path below a KV mount, or None."""
    segments = path.split("/")
    if "" in segments:
        return f"{path!r} begins or ends with a slash, or has two in a row; write it as in `vault kv get -mount=secret`"
    if any(segment in (".", "..") or not _PATH_SEGMENT.fullmatch(segment) for segment in segments):
        return f"{path!r} has a part that is no plain name; a policy must name exactly one path"
    return None


def _read_duration(entry: Entry) -> str:
    text = entry.text()
    if text and not _DURATION.fullmatch(text):
        entry.refuse(f"{text!r} is no duration; write such as 1h, 15m or 1h30m, or 0 to fetch it only once")
    return text
