# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each group reaches of each other one. Most reach nothing, which is seen without a look at ports. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.decision import (
    Isolation,
    Reach,
    admits,
    isolation,
    reach,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.groups import Group
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.policies import Policies
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reach.ports import NONE


@dataclass(frozen=True)
class _Side:
    """How a group is isolated in one direction, and which groups the rules are about, by number."""

    by: Isolation
    names: tuple[str, ...]
    admitted: frozenset[int]

    def is_about(self, number: int) -> bool:
        """Whether a rule is about a group; without isolation there is no rule, and none is needed."""
        return number in self.admitted

    def stops(self, number: int) -> bool:
        """Whether nothing can be let through, whatever the ports are."""
        return bool(self.by.policies) and number not in self.admitted


def reaches(policies: Policies, groups: Sequence[Group]) -> Iterator[tuple[Group, Group, Reach]]:
    """Every two groups of which at least one has pods, and what the first reaches of the second."""
    out, into = _sides(policies, groups, "egress"), _sides(policies, groups, "ingress")
    families = [frozenset(address.version for address in group.member.addresses) for group in groups]
    for i, source in enumerate(groups):
        for j, destination in enumerate(groups):
            if "pods" not in (source.kind, destination.kind):
                continue
            stopped_out, stopped_in = out[i].stops(j), into[j].stops(i)
            # Where a rule of one side is about the other group, its ports say whether that side stops it, too.
            if not (stopped_out or stopped_in) or out[i].is_about(j) or into[j].is_about(i):
                yield source, destination, reach(out[i].by, into[j].by, source.member, destination.member)
            elif families[i] and families[j] and not families[i] & families[j]:
                yield source, destination, Reach(NONE)
            else:
                names = out[i].names if stopped_out else (), into[j].names if stopped_in else ()
                yield source, destination, Reach(NONE, *names)


def _sides(policies: Policies, groups: Sequence[Group], direction: str) -> list[_Side]:
    """By group. Those that the same policies isolate share one."""
    known: dict[tuple[str, ...], _Side] = {}
    result = []
    for group in groups:
        by = isolation(policies, group.member, direction)
        key = tuple(by.names)
        if key not in known:
            known[key] = _Side(by, key, frozenset(i for i, other in enumerate(groups) if admits(by, other.member)))
        result.append(known[key])
    return result
