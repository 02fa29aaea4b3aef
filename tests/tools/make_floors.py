# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the table of NVIDIA's published holes: ``make_floors.py --taken 2026-08-18 CVE_index.csv... >
plugins/module_utils/floors/table.py``. Each file is a path or a URL; NVIDIA publishes one a year at
https://github.com/NVIDIA/product-security. What the script does not understand ends it: nothing is left out unsaid.

The table is Python, as files of other kinds do not travel with a module that Ansible runs on another machine.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

# What NVIDIA calls the products; those without a row have had no hole since 2024, where the files begin.
PRODUCTS: Mapping[str, tuple[str, ...]] = {
    "driver": ("Tesla",),
    "vgpu_manager": ("Virtual GPU Manager",),
    "container_toolkit": ("NVIDIA Container Toolkit",),
    "gpu_operator": ("NVIDIA GPU Operator",),
    "device_plugin": ("NVIDIA Kubernetes Device Plugin",),
    "mig_manager": ("NVIDIA MIG Manager",),
    "dcgm": ("DCGM",),
    "dcgm_exporter": ("DCGM Exporter",),
    "dra_driver": ("NVIDIA DRA Driver",),
    "gdrcopy": ("NVIDIA GDRCopy",),
    "kai_scheduler": ("NVIDIA KAI Scheduler",),
    "triton": ("Triton Inference Server", "NVIDIA Triton Inference Server"),
}
BRANCHED = frozenset({"driver", "vgpu_manager"})
_NUMBER = r"[vr]?(?P<version>\d+(?:\.\d+)+)"
_AFFECTED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"All (?:driver )?versions? (?P<before>prior to) {_NUMBER}",
        rf"All versions up to and including {_NUMBER}(?: \((?P<condition>.*)\))?",
        rf"{_NUMBER} ?\(All versions (?:prior to|up to) and including .*\)",
        rf"v?[\d.]+ *(?P<end>to|through|-) *{_NUMBER}",
        _NUMBER,
    )
)
_CONDITIONS = (
    (re.compile(r"CDI mode only for versions prior to ([\d.]+)"), None),
    (re.compile(r"only when device-list-strategy is cdi-annotations and/or cdi-cri|only when CDI is enabled"), "any"),
)
# Releases 16.12 of vGPU are of branch 535; its bulletin 5703 has a misprint.
_MISPRINTS = {"575.274.02": "535.274.02", "575.274.03": "535.274.03"}
_LINUX = re.compile(r"\d{3}\.\d+\.\d+")
_FIXED = re.compile(r"(?<![\d.])[vr]?(\d+(?:\.\d+)+)(?:\(.*?\))?")
HEAD = '''# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holes that NVIDIA has published, written by tests/tools/make_floors.py: do not edit.

For each product: CVE, CVSS score, bulletin, the first version without it (by branch; under 0 where there are none), and
below which version it needs CDI (``any`` for all, empty for none).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

'''

Row = tuple[str, float, int, dict[int, str], str]


def rows(text: str) -> Iterator[tuple[str, str, float, int, str, str]]:
    """What concerns the products: product, CVE, score, bulletin, affected and fixed versions, as NVIDIA writes them."""
    names = {name: product for product, some in PRODUCTS.items() for name in some}
    for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"):
        product = names.get(row["Affected Product"].strip())
        if product:
            score, bulletin = float(row["CVSS"]), int(row["Bulletin"])
            yield product, row["CVE"], score, bulletin, row["Affected Version"].strip(), row["Fixed In"]


def first_fixed(affected: str, fixed: str, branched: bool = False) -> tuple[str, str]:
    """The first version without a hole, and below which version it needs CDI.

    Several products share one list of fixed versions: the next one above what is affected is this product's. It is
    empty for a branch that was given up with the bulletin.
    """
    match = next(filter(None, (pattern.fullmatch(affected) for pattern in _AFFECTED)), None)
    if match is None:
        raise SystemExit(f"cannot read what is affected: {affected!r}")
    parts = match.groupdict()
    bound = parts["version"]
    if parts.get("before"):
        return bound, ""
    listed = [_MISPRINTS.get(text, text) for text in _FIXED.findall(fixed)]
    if branched:
        listed = [text for text in listed if _LINUX.fullmatch(text)]
    # "0.0 to 4.8.2" is fixed in 4.8.2 where the list says so.
    above = [text for text in listed if order(text) > order(bound) or (parts.get("end") and text == bound)]
    if not above:
        raise SystemExit(f"cannot find the fixed version: {affected!r} in {fixed!r}")
    of_branch = [text for text in above if not branched or text.partition(".")[0] == bound.partition(".")[0]]
    return min(of_branch, key=order, default=""), condition(parts.get("condition") or "")


def condition(text: str) -> str:
    """Below which version a hole needs CDI."""
    for pattern, below in _CONDITIONS:
        match = pattern.fullmatch(text)
        if match:
            return below or match[1]
    if text:
        raise SystemExit(f"cannot read the condition: {text!r}")
    return ""


def order(version: str) -> tuple[int, ...]:
    """To compare versions by."""
    return tuple(map(int, version.split(".")))


def holes(texts: Iterable[str]) -> dict[str, list[Row]]:
    """By product, its holes in the order of their bulletins; of two first versions the later one."""
    found: dict[str, dict[str, Row]] = {product: {} for product in PRODUCTS}
    for text in texts:
        for product, cve, score, bulletin, affected, fixed in rows(text):
            branched = product in BRANCHED
            if branched and not _LINUX.search(affected):
                continue  # of Windows, whose versions have two numbers
            version, cdi_below = first_fixed(affected, fixed, branched)
            if not version:
                continue
            branch = int(version.partition(".")[0]) if branched else 0
            row = found[product].setdefault(cve, (cve, score, bulletin, {}, cdi_below))
            row[3][branch] = max(row[3].get(branch, version), version, key=order)
    return {product: sorted(some.values(), key=lambda row: (row[2], row[0])) for product, some in found.items()}


def written(found: Mapping[str, Iterable[Row]], taken: str) -> str:
    """The module."""
    lines = [HEAD, 'SOURCE = "https://github.com/NVIDIA/product-security, <year>/CVE_index.csv"\n']
    lines += [f'TAKEN = "{taken}"\n', '"""When the files were the newest."""\n\n']
    lines.append("HOLES: Mapping[str, Sequence[tuple[str, float, int, Mapping[int, str], str]]] = {\n")
    for product, some in found.items():
        body = "".join(f"        {literal(row)},\n" for row in some)
        lines.append(f'    "{product}": [\n{body}    ],\n' if body else f'    "{product}": [],\n')
    return "".join([*lines, "}\n"])


def literal(row: Row) -> str:
    """A row as ruff formats it."""
    cve, score, bulletin, fixed, cdi_below = row
    versions = ", ".join(f'{branch}: "{version}"' for branch, version in sorted(fixed.items()))
    return f'("{cve}", {score}, {bulletin}, {{{versions}}}, "{cdi_below}")'


def read(place: str) -> str:
    """A file, or what a URL gives."""
    if place.startswith("https://"):
        with urllib.request.urlopen(place, timeout=60) as answer:
            return str(answer.read().decode("utf-8-sig"))
    return Path(place).read_text(encoding="utf-8-sig")


def main() -> None:
    """Write the table to stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taken", required=True, help="the day on which the files were the newest")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    sys.stdout.write(written(holes(read(place) for place in arguments.files), arguments.taken))


if __name__ == "__main__":
    main()
