# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges versions by the holes that NVIDIA has published. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors import table
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.products import (
    BRANCHED,
    PRODUCTS,
    Version,
)

ANY_VERSION = "any"


@dataclass(frozen=True)
class Sighting:
    """A product that was seen somewhere.

    Attributes:
        where: in words.
        version: None if it could not be read.
        cdi: whether containers get GPUs by CDI, which some holes need; None where that is not known.
        note: what else is to be said, such as why no version could be read.
    """

    product: str
    where: str
    version: Version | None
    cdi: bool | None = None
    note: str = ""


@dataclass(frozen=True)
class Hole:
    """A published hole.

    Attributes:
        score: CVSS, 0 to 10.
        bulletin: number of NVIDIA's security bulletin.
        fixed: by branch, the first version without it; under 0 for a product without branches.
        cdi_below: versions below this one have it only where CDI is used; ``any`` for all; empty for none.
    """

    cve: str
    score: float
    bulletin: int
    fixed: Mapping[int, str]
    cdi_below: str = ""

    def needs_cdi(self, version: Version) -> bool:
        """Whether this version has it only where CDI is used."""
        return self.cdi_below == ANY_VERSION or bool(self.cdi_below and version.order < Version(self.cdi_below).order)


@dataclass(frozen=True)
class _Judgement:
    floor: str | None
    holes: Sequence[Hole]
    below: bool
    note: str = ""


HOLES: Mapping[str, tuple[Hole, ...]] = {
    product: tuple(Hole(*row) for row in rows) for product, rows in table.HOLES.items()
}


def judge(sightings: Iterable[Sighting], holes: Mapping[str, Sequence[Hole]] = HOLES) -> list[dict[str, Any]]:
    """Hold versions against the oldest ones without a published hole.

    Returns:
        For each sighting ``product``, ``where``, ``found`` and ``floor`` (versions, None where there is none), ``ok``
        (None where no version could be read), ``cves`` (those that are open, the worst first) and ``note``.
    """
    return [_judged(sighting, holes.get(sighting.product, ())) for sighting in sightings]


def _judged(seen: Sighting, holes: Sequence[Hole]) -> dict[str, Any]:
    if seen.version is None:
        note = seen.note or "its version cannot be read"
        return _entry(seen, _highest(holes), None, (), note)
    verdict = _by_branch(seen.version, holes) if seen.product in BRANCHED else _by_version(seen.version, holes)
    open_holes = [hole for hole in verdict.holes if seen.cdi is not False or not hole.needs_cdi(seen.version)]
    notes = [seen.note, verdict.note, "" if seen.version.final else "a pre-release of it"]
    if len(open_holes) < len(verdict.holes):
        notes.append("CDI is off here, which other holes need")
    elif open_holes and all(hole.needs_cdi(seen.version) for hole in open_holes):
        notes.append("only where CDI is used" if seen.cdi is None else "as CDI is used")
    if not holes:
        notes.append(f"NVIDIA has published no hole of {PRODUCTS[seen.product]} up to {table.TAKEN}")
    below = verdict.below if seen.product in BRANCHED else bool(open_holes)
    return _entry(seen, verdict.floor, not below, open_holes, "; ".join(filter(None, notes)) or None)


def _entry(
    seen: Sighting, floor: str | None, ok: bool | None, open_holes: Sequence[Hole], note: str | None
) -> dict[str, Any]:
    return {
        "product": seen.product,
        "where": seen.where,
        "found": seen.version.text if seen.version else None,
        "floor": floor,
        "ok": ok,
        "cves": [hole.cve for hole in sorted(open_holes, key=lambda hole: (-hole.score, hole.cve))],
        "note": note,
    }


def _by_version(version: Version, holes: Sequence[Hole]) -> _Judgement:
    open_holes = [hole for hole in holes if version.order < Version(hole.fixed[0]).order]
    return _Judgement(_highest(holes), open_holes, bool(open_holes))


def _by_branch(version: Version, holes: Sequence[Hole]) -> _Judgement:
    """A bulletin names the branches that are still mended. Whoever is on an older one is told to leave it."""
    mended: dict[int, set[int]] = {}
    for hole in holes:
        mended.setdefault(hole.bulletin, set()).update(hole.fixed)
    branch = version.branch
    open_holes = [hole for hole in holes if _is_open(version, hole, mended[hole.bulletin])]
    current = mended[max(mended)] if mended else set()
    if branch in current or not any(branch < other for other in current):
        of_branch = [fixed for hole in holes for number, fixed in hole.fixed.items() if number == branch]
        floor = max(of_branch, key=lambda text: Version(text).order, default=None)
        return _Judgement(floor, open_holes, bool(open_holes))
    following = min(other for other in current if other > branch)
    floor = max(
        (hole.fixed[following] for hole in holes if following in hole.fixed), key=lambda text: Version(text).order
    )
    note = f"branch {branch} is mended no more; the next that is, is {following}"
    return _Judgement(floor, open_holes, True, note)


def _is_open(version: Version, hole: Hole, mended: set[int]) -> bool:
    branch = version.branch
    if branch in hole.fixed:
        return version.order < Version(hole.fixed[branch]).order
    # A mended branch that is not named is not affected, and one that came later never was. Of a branch that was given
    # up NVIDIA does not say; it has what older ones that are mended have.
    return branch not in mended and branch < max(mended) and min(hole.fixed) <= max(branch, min(mended))


def _highest(holes: Sequence[Hole]) -> str | None:
    """The newest of the floors of all branches."""
    return max((fixed for hole in holes for fixed in hole.fixed.values()), key=lambda t: Version(t).order, default=None)
