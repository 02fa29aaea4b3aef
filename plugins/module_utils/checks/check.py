# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check is. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.cluster import Cluster
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.model import Finding, Remedy


@dataclass(frozen=True)
class Condition:
    """When a check is about anything at all.

    Attributes:
        otherwise: why it is not, as a sentence.
    """

    holds: Callable[[Cluster], bool]
    otherwise: str


@dataclass(frozen=True)
class Check:
    """A rule.

    Attributes:
        id: never changes, and is never given to another check.
        title: the state that is wanted.
        layer: name of the layer that is about it.
        severity: one of :data:`SEVERITIES`.
        why: what it means on a cluster with GPUs.
        find: what is wrong. Pure.
        needs: kinds without which it cannot say anything.
        when: a condition without which it is not applicable.
        references: numbers in benchmarks, by ``cis``, ``aisvs`` and ``attack``.
    """

    id: str
    title: str
    layer: str
    severity: str
    why: str
    remedy: Remedy
    find: Callable[[Cluster], Iterable[Finding]]
    needs: tuple[str, ...] = ()
    when: Condition | None = None
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
