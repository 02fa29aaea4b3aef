# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which namespaces the network policies trust by their name or their labels, whether or not they exist. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """What traffic is allowed by.

    Attributes:
        names: names of namespaces.
        labels: keys of labels of namespaces.
    """

    names: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()


def named_namespaces(value: object) -> Named:
    """Find all in what the user wrote, at any depth: ``namespace: name`` and ``namespace_labels: {key: value}``.

    What is malformed there counts as not there; whoever reads the same for the policies refuses it.
    """
    if isinstance(value, Mapping):
        name, labels = value.get("namespace"), value.get("namespace_labels")
        found = Named(
            frozenset([name] if isinstance(name, str) else ()),
            frozenset(map(str, labels) if isinstance(labels, Mapping) else ()),
        )
        return _together(found, *map(named_namespaces, value.values()))
    if isinstance(value, list | tuple):
        return _together(*map(named_namespaces, value))
    return Named()


def _together(*found: Named) -> Named:
    names: frozenset[str] = frozenset().union(*(item.names for item in found))
    labels: frozenset[str] = frozenset().union(*(item.labels for item in found))
    return Named(names, labels)
