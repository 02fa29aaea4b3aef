# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what the table of holes is made of: how NVIDIA's words for versions are read, and that none is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from make_floors import first_fixed, holes, written

CHECKOUT = Path(__file__).resolve().parents[2]
TABLE = CHECKOUT / "plugins" / "module_utils" / "floors" / "table.py"
PUBLISHED = CHECKOUT.parent / "shared" / "data" / "nvidia-product-security"
HEAD = "CVE;CVSS;Severity;Vector;CWE;Bulletin;Affected Product;Affected Version;Fixed In\n"
SHARED_LIST = "1.17.8, 25.3.2, 0.17.3, 0.12.2"
VGPU_LIST = "595.71.05, 580.159.03, 535.309.01, 580.159.01(vGPU 19.5), 535.309.01(vGPU 16.14), 596.36, 582.53"


@pytest.mark.parametrize(
    ("affected", "fixed", "expected"),
    [
        ("All driver versions prior to 580.159.03", "595.71.05, 580.159.03", ("580.159.03", "")),
        ("All driver version prior to 570.172.08", "570.172.08", ("570.172.08", "")),
        ("All versions prior to r26.03", "r26.03", ("26.03", "")),
        ("All versions up to and including v1.16.1", "v1.16.2, v24.6.2", ("1.16.2", "")),
        ("All versions up to and including v1.16.2", "v1.17, 24.9.0", ("1.17", "")),
        (
            "All versions up to and including 1.17.7 (CDI mode only for versions prior to 1.17.5)",
            SHARED_LIST,
            ("1.17.8", "1.17.5"),
        ),
        ("All versions up to and including 0.12.1 (only when CDI is enabled)", SHARED_LIST, ("0.12.2", "any")),
        (
            "All versions up to and including 0.17.2 "
            "(only when device-list-strategy is cdi-annotations and/or cdi-cri)",
            SHARED_LIST,
            ("0.17.3", "any"),
        ),
        ("0.0  to 4.5.2", "4.8.2, 4.5.3", ("4.5.3", "")),
        ("0.0  to 4.8.2", "4.8.2, 4.5.3", ("4.8.2", "")),
        ("0.0-26.05", "26.06", ("26.06", "")),
        ("v19.11 through v24.08", "24.09", ("24.09", "")),
        ("24.11", "24.12", ("24.12", "")),
    ],
)
def test_first_fixed_version(affected: str, fixed: str, expected: tuple[str, str]) -> None:
    assert first_fixed(affected, fixed) == expected


@pytest.mark.parametrize(
    ("affected", "expected"),
    [
        ("580.126.08(All versions prior to and including vGPU 19.4)", "580.159.01"),
        ("535.288.01(All versions prior to and including vGPU software 16.13)", "535.309.01"),
        ("545.37.02(All versions up to and including the January 2024 release)", ""),
    ],
)
def test_first_fixed_version_is_of_the_same_branch(affected: str, expected: str) -> None:
    assert first_fixed(affected, VGPU_LIST, branched=True) == (expected, "")


@pytest.mark.parametrize(
    ("affected", "fixed", "message"),
    [
        ("some versions", "1.2.3", "cannot read what is affected: 'some versions'"),
        ("All versions up to and including 1.2", "1.1", "cannot find the fixed version"),
        ("All versions up to and including 1.2 (on Mondays)", "1.3", "cannot read the condition: 'on Mondays'"),
    ],
)
def test_what_is_not_understood_ends_the_script(affected: str, fixed: str, message: str) -> None:
    with pytest.raises(SystemExit, match=message.replace("(", r"\(")):
        first_fixed(affected, fixed)


def test_rows_of_a_hole_become_one_and_those_of_windows_and_of_others_are_left_out() -> None:
    rows = [
        "CVE-2026-2;8.8;HIGH;v;CWE-1;5821;Tesla;All driver versions prior to 580.159.03;580.159.03",
        "CVE-2026-2;8.8;HIGH;v;CWE-1;5821;Tesla;All driver versions prior to 535.309.01;535.309.01",
        "CVE-2026-2;8.8;HIGH;v;CWE-1;5821;Tesla;All driver versions prior to 582.53;582.53",
        "CVE-2026-1;7;HIGH;v;CWE-1;5821;Tesla;All driver versions prior to 580.159.03;580.159.03",
        "CVE-2026-3;7;HIGH;v;CWE-1;5821;ChatRTX;every one;none",
    ]
    found = holes([HEAD + "\n".join(rows)])
    assert found.pop("driver") == [
        ("CVE-2026-1", 7.0, 5821, {580: "580.159.03"}, ""),
        ("CVE-2026-2", 8.8, 5821, {580: "580.159.03", 535: "535.309.01"}, ""),
    ]
    assert not any(found.values())


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"NVIDIA's files are not at {PUBLISHED}")
def test_table_is_what_the_script_makes_of_the_published_files() -> None:
    texts = [path.read_text(encoding="utf-8-sig") for path in sorted(PUBLISHED.glob("CVE_index-*.csv"))]
    assert written(holes(texts), "2026-08-18") == TABLE.read_text(encoding="utf-8")
