# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves which versions are said to have holes, by branch where there are branches, and never one that is not read."""

from __future__ import annotations

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.judge import Hole, Sighting, judge
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.products import (
    PRODUCTS,
    given_version,
    read_version,
)
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.floors.table import HOLES

OLD = Hole("CVE-1", 5.0, 1, {535: "535.1.01", 550: "550.1.01", 570: "570.1.01"})
NEW = Hole("CVE-2", 8.0, 2, {535: "535.2.01", 580: "580.2.01", 595: "595.2.01"})
ONLY_NEW = Hole("CVE-3", 6.0, 2, {580: "580.2.02", 595: "595.2.01"})
DRIVER = {"driver": [OLD, NEW, ONLY_NEW]}


@pytest.mark.parametrize(
    ("why", "version", "ok", "floor", "cves"),
    [
        ("below the floor of its branch", "580.1.05", False, "580.2.02", ["CVE-2", "CVE-3"]),
        ("between two holes of its branch", "580.2.01", False, "580.2.02", ["CVE-3"]),
        ("at the floor", "580.2.02", True, "580.2.02", []),
        ("a branch that is not named for one hole does not have it", "535.2.01", True, "535.2.01", []),
        ("a branch that is mended no more", "550.9.09", False, "580.2.02", ["CVE-2"]),
        ("it has holes of its own, too", "550.1.00", False, "580.2.02", ["CVE-2", "CVE-1"]),
        ("one between mended branches", "590.9.09", False, "595.2.01", ["CVE-2", "CVE-3"]),
        ("one before all mended branches", "470.9.09", False, "535.2.01", ["CVE-2", "CVE-1"]),
        ("a branch after all bulletins", "610.1.01", True, None, []),
    ],
)
def test_driver(why: str, version: str, ok: bool, floor: str | None, cves: list[str]) -> None:
    [found] = judge([Sighting("driver", "here", given_version("driver", version))], DRIVER)
    assert (found["ok"], found["floor"], found["cves"]) == (ok, floor, cves), why
    assert (found["product"], found["where"], found["found"]) == ("driver", "here", version)


def test_branch_that_is_mended_no_more_names_the_next() -> None:
    [found] = judge([Sighting("driver", "here", given_version("driver", "550.9.09"))], DRIVER)
    assert found["note"] == "branch 550 is mended no more; the next that is, is 580"


CDI = {"device_plugin": [Hole("CVE-4", 9.0, 1, {0: "0.17.3"}, "any")]}
OLD_CDI = {"container_toolkit": [Hole("CVE-5", 9.0, 1, {0: "1.17.8"}, "1.17.5")]}


@pytest.mark.parametrize(
    ("product", "version", "cdi", "ok", "note"),
    [
        ("device_plugin", "0.17.2", None, False, "only where CDI is used"),
        ("device_plugin", "0.17.2", True, False, "as CDI is used"),
        ("device_plugin", "0.17.2", False, True, "CDI is off here, which other holes need"),
        ("device_plugin", "0.17.3", None, True, None),
        ("device_plugin", "0.17.3-rc.1", None, False, "a pre-release of it; only where CDI is used"),
        ("container_toolkit", "1.17.4", False, True, "CDI is off here, which other holes need"),
        ("container_toolkit", "1.17.5", False, False, None),
    ],
)
def test_holes_that_need_cdi(product: str, version: str, cdi: bool | None, ok: bool, note: str | None) -> None:
    sighting = Sighting(product, "here", read_version(product, version), cdi)
    [found] = judge([sighting], {**CDI, **OLD_CDI})
    assert (found["ok"], found["note"]) == (ok, note)


def test_version_that_cannot_be_read_is_never_ok() -> None:
    [found] = judge([Sighting("driver", "here", None, note="no version in x")], DRIVER)
    assert found == {
        "product": "driver",
        "where": "here",
        "found": None,
        "floor": "595.2.01",
        "ok": None,
        "cves": [],
        "note": "no version in x",
    }


def test_product_without_a_hole_says_up_to_when_that_is_known() -> None:
    [found] = judge([Sighting("dra_driver", "here", read_version("dra_driver", "v0.4.1"))])
    assert (found["ok"], found["floor"]) == (True, None)
    assert found["note"] == "NVIDIA has published no hole of the DRA driver up to 2026-08-18"


@pytest.mark.parametrize(
    ("product", "version", "floor", "worst"),
    [
        # What NVIDIA's own aicr 0.11.1 and DeepOps 26.07 install.
        ("driver", "580.105.08", "580.159.03", "CVE-2026-24187"),
        ("driver", "580.126.20", "580.159.03", "CVE-2026-24187"),
        ("driver", "570.211.01", "580.159.03", "CVE-2026-24187"),
        ("vgpu_manager", "580.126.08", "580.159.01", "CVE-2026-24187"),
        ("container_toolkit", "1.19.0", "1.19.1", "CVE-2026-24260"),
        ("gpu_operator", "26.3.1", "26.3.2", "CVE-2026-24260"),
        ("device_plugin", "0.17.2", "0.17.3", "CVE-2025-23266"),
        ("mig_manager", "0.12.1", "0.12.2", "CVE-2025-23266"),
        ("dcgm", "4.5.2", "4.5.3", "CVE-2026-47483"),
        ("dcgm_exporter", "4.8.1", "4.8.2", "CVE-2026-47483"),
        ("kai_scheduler", "0.12.9", "0.13.0", "CVE-2026-24177"),
        ("triton", "26.05", "26.06", "CVE-2026-47627"),
    ],
)
def test_table_knows_the_floors_that_nvidia_published(product: str, version: str, floor: str, worst: str) -> None:
    below, at = judge([Sighting(product, "here", given_version(product, text)) for text in (version, floor)])
    assert (below["ok"], below["floor"], below["cves"][0]) == (False, floor, worst)
    assert (at["ok"], at["cves"]) == (True, [])


def test_table_has_every_product() -> None:
    assert list(HOLES) == list(PRODUCTS)
