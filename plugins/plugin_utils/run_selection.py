# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run was asked to do: whether it has clusters, and whether the tags it names exist."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.safe_yaml import safe_loader
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.validation import did_you_mean

GROUP = "gpu_clusters"
MACHINES = "gpu_hosts"
NOUNS = {GROUP: "cluster", MACHINES: "machine"}
PREFIX = "gpu_cluster.hardening."
SPECIAL_TAGS = frozenset({"all", "always", "never", "tagged", "untagged"})
MOLECULE_TAGS = frozenset({"notest", "molecule-notest", "molecule-idempotence-notest"})
"""Molecule skips them in its runs."""
LARGEST = 1_000_000
"""Bytes of a playbook that is looked at."""


@dataclass(frozen=True)
class Playbooks:
    """What the playbooks of a command line hold.

    Attributes:
        tags: of our playbooks, and those that an import gives them.
        alone: whether nothing but playbooks of this collection is run; tags of others are not known.
    """

    tags: frozenset[str]
    alone: bool


def lacking_hosts(
    groups: Mapping[str, Sequence[str]],
    hosts: Collection[str],
    inventories: Iterable[str],
    limit: str | None,
    group: str = GROUP,
) -> str:
    """Why a run would end without having looked at any host of a group; empty if it has some.

    Args:
        groups: of the inventory, each with the names of its hosts.
        hosts: of the inventory that the run may touch, after ``--limit``.
        inventories: where they come from.
        limit: what ``--limit`` says.
        group: that of the clusters, or that of the machines.
    """
    members, noun = groups.get(group, ()), NOUNS[group]
    if set(members) & set(hosts):
        return ""
    if members:
        return f"--limit {limit} leaves no {noun} of the group {group} ({name_some(members)})."
    sources = ", ".join(inventories) or "none given"
    close = difflib.get_close_matches(group, groups, n=1, cutoff=0.7)
    hint = f" Did you mean {group} where it says {close[0]}?" if close and group not in groups else ""
    return (
        f"The inventory ({sources}) has no host in the group {group}, and its hosts are the {noun}s: nothing would be "
        f"done.{hint} Name an inventory that has one with -i, such as -i inventories/metal."
    )


def unknown_tags(asked: Iterable[str], known: Collection[str]) -> str:
    """What is wrong with the tags of a command line; empty if all are known."""
    unknown = sorted(set(asked) - set(known) - SPECIAL_TAGS - MOLECULE_TAGS)
    if not unknown:
        return ""
    named = [f"{tag}{did_you_mean(tag, known)}" for tag in unknown]
    rest = f"The tags are {', '.join(sorted(known))}." if known else "This playbook has no tags."
    return f"No task has the tag {', '.join(named)}. {rest}"


def read_playbooks(arguments: Iterable[str], ours: Path) -> Playbooks:
    """Read what playbooks of a command line are, and what they import.

    Args:
        arguments: paths, or names as ``gpu_cluster.hardening.harden_gpu_cluster``.
        ours: the folder with the playbooks of this collection.
    """
    found = [_read(argument, Path(), ours) for argument in arguments]
    return Playbooks(frozenset().union(*(each.tags for each in found)), all(each.alone for each in found))


def _read(name: str, folder: Path, ours: Path) -> Playbooks:
    path = ours / f"{name.removeprefix(PREFIX)}.yml" if name.startswith(PREFIX) else folder / name
    foreign = Playbooks(frozenset(), alone=False)
    try:
        with path.open(encoding="utf-8") as file:
            plays = yaml.load(file.read(LARGEST), safe_loader())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return foreign  # a template, a vault, another collection's
    if path.resolve().parent == ours.resolve():
        return Playbooks(frozenset(_tags(plays)) - SPECIAL_TAGS, alone=True)
    found = [_entry(entry, path.parent, ours) for entry in (plays if isinstance(plays, list) else ())]
    return Playbooks(frozenset().union(*(each.tags for each in found)), bool(found) and all(e.alone for e in found))


def _entry(entry: object, folder: Path, ours: Path) -> Playbooks:
    mapping = entry if isinstance(entry, Mapping) else {}
    imported = mapping.get("ansible.builtin.import_playbook", mapping.get("import_playbook"))
    if not isinstance(imported, str):
        return Playbooks(frozenset(), alone=False)
    inner = _read(imported, folder, ours)
    return Playbooks(inner.tags | frozenset(_tags({"tags": mapping.get("tags")})), inner.alone)


def _tags(value: object) -> Iterable[str]:
    """All that stands as ``tags`` anywhere in a playbook."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "tags" and isinstance(inner, str):
                yield from (tag.strip() for tag in inner.split(","))
            elif key == "tags" and isinstance(inner, list):
                yield from map(str, inner)
            elif isinstance(inner, Mapping | list):
                yield from _tags(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _tags(inner)
