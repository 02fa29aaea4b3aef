# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role renders for dcgm-exporter is what version 4.5.3-4.8.2 of it reads."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from accepted import options_of, wrong_variables
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.components.dcgm_fields import FIELDS

COUNTER = {"field": "DCGM_FI_DEV_GPU_UTIL", "help": "Busy."}
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "profiling": {"dcgm_exporter_profiling": True},
    "profiling without counters": {"dcgm_exporter_profiling": True, "dcgm_exporter_profiling_counters": []},
    "hardened toolkit": {"gpu_cluster_toolkit_accepts_envvar": False},
    "odd helps": {
        "dcgm_exporter_counters": [
            {**COUNTER, "help": text, "field": field, "type": kind}
            for text, field, kind in (
                ('Used, in "%".', "DCGM_FI_DEV_FB_USED", "gauge"),
                ("# no comment", "DCGM_FI_DEV_FB_FREE", "counter"),
                ("", "DCGM_FI_DRIVER_VERSION", "label"),
                (" Grad Celsius, über alles ", "DCGM_FI_DEV_GPU_TEMP", "gauge"),
                ("1e3", "DCGM_EXP_XID_ERRORS_COUNT", "gauge"),
            )
        ]
    },
    "type is null": {"dcgm_exporter_counters": [{**COUNTER, "type": None}]},
}
_FLAGS, KNOWN = options_of("dcgm-exporter-4.5.3-4.8.2-help.txt")
# It has no flag for this one, which names the host in every metric.
VARIABLES = {**KNOWN, "NODE_NAME": "String"}
TYPES = {"gauge", "counter", "histogram", "summary", "label"}


@pytest.fixture(scope="module")
def rendered(render_role: Any) -> dict[str, Any]:
    return render_role("dcgm_exporter", CASES)


def read_counters(text: str) -> list[list[str]]:
    """As the exporter does: lines that begin with # are comments, and each other one has three columns."""
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("#")]
    return [[column.strip(" ") for column in row] for row in csv.reader(lines, strict=True) if row]


@pytest.mark.parametrize("case", CASES)
def test_the_exporter_reads_every_counter(rendered: dict[str, Any], case: str) -> None:
    (config_map,) = rendered[case]["counters"]
    rows = read_counters(config_map["data"]["counters.csv"])
    asked = CASES[case].get("dcgm_exporter_counters")
    assert len(rows) == len(asked) if asked else len(rows) >= 14
    assert {len(row) for row in rows} == {3}
    assert {field for field, _kind, _help in rows} <= FIELDS
    assert {kind for _field, kind, _help in rows} <= TYPES


@pytest.mark.parametrize("case", CASES)
def test_the_exporter_knows_its_variables(rendered: dict[str, Any], case: str) -> None:
    (daemon_set,) = rendered[case]["daemon_set"]
    (container,) = daemon_set["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["/usr/bin/dcgm-exporter"]
    assert "args" not in container
    assert wrong_variables(container, VARIABLES) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("DCGM_EXPORTER_KUBERNETES", "yes"), ("DCGM_EXPORTER_INTERVAL", "30s"), ("DCGM_EXPORTER_COLLECTOR", "x")],
)
def test_the_contract_refuses_what_the_exporter_refuses(name: str, value: str) -> None:
    assert wrong_variables({"env": [{"name": name, "value": value}]}, VARIABLES) == [name]
