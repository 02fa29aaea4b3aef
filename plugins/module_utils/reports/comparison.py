# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed from one report on a cluster to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.findings import Found, all_open
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.reports.shape import Report


@dataclass(frozen=True)
class Comparison:
    """Open findings of two reports, told apart by their fingerprints.

    Attributes:
        since: when the earlier one was taken.
        new: open now, and not then.
        gone: open then, and looked for in vain now.
        same: open then and now.
        waived: open then, accepted now.
        not_looked_at: open then; the later report does not tell, as its check is left out, unknown or not applicable.
    """

    since: str
    new: tuple[Found, ...]
    gone: tuple[Found, ...]
    same: tuple[Found, ...]
    waived: tuple[Found, ...]
    not_looked_at: tuple[Found, ...]


def diff(previous: Report, current: Report) -> Comparison:
    """Compare two reports on the same cluster."""
    before, now = all_open(previous), all_open(current)
    accepted = {
        finding["fingerprint"]
        for check in current["checks"]
        for finding in check["findings"]
        if finding["waiver"] is not None
    }
    looked_at = {check["id"] for check in current["checks"] if check["status"] in ("fail", "pass", "waived")}
    left = {fingerprint: found for fingerprint, found in before.items() if fingerprint not in now}
    return Comparison(
        since=previous["taken_at"],
        new=tuple(found for fingerprint, found in now.items() if fingerprint not in before),
        gone=tuple(f for mark, f in left.items() if mark not in accepted and f.check["id"] in looked_at),
        same=tuple(found for fingerprint, found in now.items() if fingerprint in before),
        waived=tuple(found for fingerprint, found in left.items() if fingerprint in accepted),
        not_looked_at=tuple(f for mark, f in left.items() if mark not in accepted and f.check["id"] not in looked_at),
    )


def compare(previous: Iterable[Report], current: Sequence[Report]) -> list[Comparison | None]:
    """For each report, the comparison with the latest earlier one on the same cluster, None where there is none."""
    earlier = list(previous)
    return [_with_latest(earlier, report) for report in current]


def _with_latest(earlier: Sequence[Report], report: Report) -> Comparison | None:
    same = [other for other in earlier if _same_cluster(other, report) and other["taken_at"] < report["taken_at"]]
    return diff(max(same, key=lambda other: other["taken_at"]), report) if same else None


def _same_cluster(one: Report, other: Report) -> bool:
    """By uid where both know it: a cluster that was made anew keeps its name, and has nothing of the old one's."""
    uids = one["cluster"]["uid"], other["cluster"]["uid"]
    return uids[0] == uids[1] if all(uids) else one["cluster"]["name"] == other["cluster"]["name"]
