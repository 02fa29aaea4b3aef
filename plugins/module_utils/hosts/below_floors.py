# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's programs on a machine that have a published hole. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.gpu_cluster.hardening.plugins.module_utils.base.errors import name_some
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.judge import Sighting, judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.products import PRODUCTS, given_version

_SOME = 3


def below_floors(machine: str, versions: Mapping[str, str]) -> Iterator[str]:
    """What is too old, in words.

    Args:
        machine: its name.
        versions: by the product, as ``floors.products`` calls it; an empty one is not there.
    """
    seen = [
        Sighting(product, machine, given_version(product, version)) for product, version in versions.items() if version
    ]
    for verdict in judge(seen):
        if verdict["ok"] is False:
            holes = f" ({name_some(verdict['cves'], _SOME)})" if verdict["cves"] else ""
            note = f"; {verdict['note']}" if verdict["note"] else ""
            found = f"{PRODUCTS[verdict['product']]} {verdict['found']}"
            yield f"{machine} has {found}, below {verdict['floor']}{holes}{note}"
