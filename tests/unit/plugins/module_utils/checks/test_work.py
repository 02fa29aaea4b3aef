# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way from a folder of files to a result, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from ansible_collections.gpu_cluster.hardening.plugins.module_utils.checks.work import work_audit
from ansible_collections.gpu_cluster.hardening.plugins.modules.cluster_audit_info import ARGUMENT_SPEC
from cluster_objects import Objects, container, made, pod, pod_spec
from good_cluster import DEFAULTS, good

CHECKOUT = Path(__file__).resolve().parents[5]


def audit(objects: Objects, folder: Path, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    everything = [item for items in objects.items.values() for item in items]
    folder.mkdir(exist_ok=True)
    (folder / "all.json").write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": everything}))
    defaults = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    given = {"name": "metal", "folder": str(folder), "stages": DEFAULTS["gpu_cluster_default_stages"], **params}
    call: Any = SimpleNamespace(params={**defaults, **given}, check_mode=check_mode, no_log_values=set())
    result, warnings = work_audit(call)
    assert warnings == []
    return result


def test_versions_with_a_published_hole_are_findings(tmp_path: Path) -> None:
    objects = good()
    old = container(image="nvcr.io/nvidia/k8s/container-toolkit:v1.17.0-ubuntu20.04")
    objects.add(pod("toolkit", "kueue-system", pod_spec(old), "gpu-0"))
    report = audit(objects, tmp_path)["report"]
    (check,) = [check for check in report["checks"] if check["id"] == "GPU-PROOF-004"]
    assert check["status"] == "fail"
    assert "CVE-" in check["findings"][0]["message"] and "1.17.0" in check["findings"][0]["message"]
    assert [entry["ok"] for entry in report["floors"] if entry["found"] == "1.17.0"] == [False]


@pytest.mark.parametrize("kind", ["NVIDIADriver", "GPUCluster"])
def test_what_the_gpu_operator_is_set_to_is_held_against_the_floors(kind: str, tmp_path: Path) -> None:
    objects = good()
    spec = {"version": "580.105.08"} if kind == "NVIDIADriver" else {"driver": {"version": "580.105.08"}}
    objects.add(made(kind, "gpus", spec=spec))
    report = audit(objects, tmp_path)["report"]
    (found,) = [entry for entry in report["floors"] if entry["found"] == "580.105.08"]
    assert found["where"].startswith(f"{kind} gpus spec.") and found["ok"] is False


def test_a_report_is_written_but_not_in_check_mode(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    assert audit(good(), tmp_path / "dump", True, report_directory=str(reports))["written"] == []
    assert not reports.exists()
    written = audit(good(), tmp_path / "dump", report_directory=str(reports))["written"]
    assert written == [str(reports / "metal.json"), str(reports / "metal.html")]
    assert json.loads(Path(written[0]).read_text(encoding="utf-8"))["source"] == "folder"


def test_a_report_is_of_the_shape_that_is_documented(tmp_path: Path) -> None:
    schema = json.loads((CHECKOUT / "docs" / "schemas" / "report-1.0.json").read_text(encoding="utf-8"))
    jsonschema.validate(audit(good(), tmp_path)["report"], schema)


def test_who_reaches_whom_is_part_of_it(tmp_path: Path) -> None:
    objects = good()
    for service, address in (("kubernetes", "192.168.0.10"), ("web", "10.0.0.1")):
        labels = {"kubernetes.io/service-name": service}
        metadata = {"name": service, "namespace": "default", "labels": labels}
        endpoints = [{"addresses": [address]}]
        objects.add(
            {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata, "endpoints": endpoints}
        )
    found = audit(objects, tmp_path)["report"]["matrix"]
    assert {group["kind"] for group in found["groups"]} == {"pods", "api_server", "internet"}
    names = {group["name"] for group in found["groups"]}
    assert {"ml-training", "ml-serving", "ml-monitoring"} <= {group["namespace"] for group in found["groups"]}
    assert found["cells"] and all({cell["from"], cell["to"]} <= names for cell in found["cells"])
