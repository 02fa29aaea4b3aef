# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines at the end of a run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.gpu_cluster.hardening.plugins.plugin_utils.run_summary import (
    LayerRun,
    asked_for,
    runs_of,
    summarise,
)

LAYERS = ["pod_security", "vault", "gpu_nodes", "falco"]
DONE = {"changed": True, "counts": {"created": 3, "replaced": 1, "unchanged": 12, "released": 2}}
NODES = {"changed": False, "nodes": [{"name": "a", "action": "unchanged"}, {"name": "b", "action": "configured"}]}
OFF = {"changed": False, "counts": {}}
HEAD = "LAYER         CREATED  CHANGED  REMOVED  UNCHANGED  WARNINGS"


def lines(check: bool = False, **registered: Any) -> list[str]:
    runs = runs_of(LAYERS, {f"__{name}": result for name, result in registered.items()}, lambda value: value)
    return summarise("metal-1", runs, check)


def test_each_layer_is_a_row_and_what_is_off_a_name() -> None:
    assert lines(pod_security_done=DONE, vault_done={"skipped": True}, gpu_nodes_done=NODES, falco_done=OFF) == [
        "metal-1: what this run did",
        HEAD,
        "pod_security        3        1        2         12         0",
        "gpu_nodes           0        1        0          1         0",
        "Off: vault, falco",
    ]


def test_a_warning_is_said_once_with_the_layers_that_it_is_of() -> None:
    warned = {"warnings": ["No node\nhas the label.", "x" * 500]}
    said = lines(
        pod_security_done=DONE | warned, vault_done=OFF, gpu_nodes_done=NODES, falco_done=DONE, falco_found=warned
    )
    assert said[2].endswith(" 2")
    assert said[-2] == "Look at pod_security, falco: No node has the label."
    assert len(said[-1]) < 200


@pytest.mark.parametrize(
    ("registered", "says"),
    [
        ({"pod_security_done": DONE}, ["Stopped at vault: see above.", "Not reached: gpu_nodes, falco"]),
        (
            {
                "pod_security_done": DONE,
                "vault_done": OFF,
                "gpu_nodes_done": {"failed": True, "msg": "Every node\nis one."},
            },
            ["Stopped at gpu_nodes: Every node is one.", "Not reached: falco"],
        ),
        (
            {
                "pod_security_done": DONE,
                "vault_done": OFF,
                "gpu_nodes_done": NODES,
                "falco_found": {"failed": True, "msg": "no"},
            },
            ["Stopped at falco: no"],
        ),
        ({"pod_security_done": DONE, "vault_done": {"include": "absent.yml"}}, ["Stopped at vault: see above."]),
    ],
)
def test_where_a_run_stopped_is_said_beside_what_was_done(registered: dict[str, Any], says: list[str]) -> None:
    said = lines(**registered)
    assert "pod_security        3        1        2         12" in "\n".join(said)
    assert [line for line in said if line.startswith(("Stopped", "Not reached"))][: len(says)] == says


def test_a_layer_that_failed_half_way_shows_what_it_did() -> None:
    (row,) = [
        line for line in lines(pod_security_done={**DONE, "failed": True, "msg": "no"}) if "pod_security  " in line
    ]
    assert row == "pod_security        3        1        2         12         0  failed"


def test_remarks_on_the_cluster_are_said_before_those_on_layers() -> None:
    run = LayerRun("rbac", {**DONE, "warnings": ["b"]})
    assert summarise("metal-1", [run], check=False, remarks=["a"])[-2:] == ["Look at the cluster: a", "Look at rbac: b"]


def test_nothing_reached_is_one_line() -> None:
    assert lines() == ["metal-1: no layer was reached, and nothing was changed."]


def test_check_mode_and_files_are_told_apart_from_a_run() -> None:
    files = {"changed": True, "files": "rendered/falco"}
    said = lines(True, pod_security_done=files, vault_done=OFF, gpu_nodes_done={"skipped": True}, falco_done=OFF)
    assert said[0] == "metal-1: what a run would do"
    assert said[2].endswith("written to rendered/falco")


def test_what_no_tag_asks_for_is_no_layer_of_the_run() -> None:
    assert asked_for(LAYERS, ("all",), ("vault",)) == ["pod_security", "gpu_nodes", "falco"]
    assert asked_for(LAYERS, ["falco"], ()) == ["falco"]
    assert LayerRun("x", None).off
